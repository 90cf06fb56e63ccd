// Run by mongosh in a member; what to do, and with what, is in the environment. Safe to run again.
const env = process.env;
const members = env.MEMBERS.split(" ").map((name) => `${name}:27017`);

// Without a login: what the server allows that way, from here and while it has no user yet.
function here() {
  return connect("mongodb://127.0.0.1:27017/admin?directConnection=true&serverSelectionTimeoutMS=5000");
}
// As root, at the primary.
function asRoot() {
  const login = `root:${encodeURIComponent(env.ROOT_PASSWORD)}`;
  return connect(`mongodb://${login}@${members.join(",")}/admin?replicaSet=kiln&serverSelectionTimeoutMS=10000`);
}
function fail(text) {
  print(text);
  quit(1);
}

const actions = {
  initiate() {
    const db = here();
    if (db.hello().setName) return print("is a member already");
    // The one that has all this run keeps the lead when it can.
    const list = members.map((host, i) => ({ _id: i, host, priority: i === 0 ? 2 : 1 }));
    db.adminCommand({ replSetInitiate: { _id: "kiln", members: list } });
  },

  // The first user, made where the server lets one in without a login: at the primary itself.
  root() {
    try {
      asRoot();
      return print("there is root already");
    } catch (error) {
      if (error.codeName !== "AuthenticationFailed") throw error;
    }
    here().createUser({ user: "root", pwd: env.ROOT_PASSWORD, roles: ["root"] });
  },

  user() {
    const db = asRoot().getSiblingDB(env.DATABASE);
    const roles = env.ROLES.split(" ").map((text) => {
      const [role, name] = text.split("@");
      return { role, db: name };
    });
    if (db.getUser(env.NAME)) db.updateUser(env.NAME, { pwd: env.PASSWORD, roles });
    else db.createUser({ user: env.NAME, pwd: env.PASSWORD, roles });
  },

  serves() {
    if (!asRoot().hello().isWritablePrimary) fail("no primary");
  },
};

actions[env.DO]();
