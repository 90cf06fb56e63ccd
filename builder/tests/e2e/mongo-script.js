// A stand-in for mongosh as far as replica-set.js (overlays/data/mongodb) goes: mongo-script.js SCRIPT STATE
// STATE is JSON: {member: a replica set is there, primary, users: {"DB.NAME": {...}}, root: its password}. What the script connects to and asks is
// printed, a line each, and the state written again.
const fs = require("fs");
const vm = require("vm");
const [, , script, file] = process.argv;
const state = JSON.parse(fs.readFileSync(file, "utf8"));
const say = (...words) => console.log(...words.map((w) => (typeof w === "string" ? w : JSON.stringify(w))));

function refused(codeName) {
  const error = new Error(codeName);
  error.codeName = codeName;
  return error;
}

function database(name) {
  return {
    hello: () => ({ setName: state.member ? "kiln" : undefined, isWritablePrimary: Boolean(state.primary) }),
    adminCommand(command) {
      say("command", name, command);
      state.member = state.primary = true;
      return { ok: 1 };
    },
    getSiblingDB: database,
    getUser: (user) => state.users[`${name}.${user}`] || null,
    createUser(user) {
      say("create", name, user);
      if (name === "admin" && user.user === "root") state.root = user.pwd;
      state.users[`${name}.${user.user}`] = user;
    },
    updateUser(user, what) {
      say("update", name, user, what);
    },
  };
}

const context = {
  process,
  print: say,
  quit: (status) => process.exit(status),
  connect(url) {
    const at = new URL(url.replace(/^mongodb:\/\/(([^@]*)@)?[^/]*/, "http://$1host")); // several hosts are no address for URL
    say("connect", url.replace(/:[^:@/]*@/, ":...@"));
    if (at.searchParams.get("replicaSet") && !state.primary) throw refused("no primary");
    if (at.username && decodeURIComponent(at.password) !== state.root) throw refused("AuthenticationFailed");
    if (!at.username && !at.searchParams.get("directConnection")) throw refused("a member by its name wants a login");
    return database(at.pathname.slice(1));
  },
};
try {
  vm.runInNewContext(fs.readFileSync(script, "utf8"), Object.assign(context, { encodeURIComponent, console }), { filename: "replica-set.js" });
} catch (error) {
  say(`failed: ${error.message}`);
  process.exitCode = 1;
}
fs.writeFileSync(file, JSON.stringify(state));
