/*
 * What the files of builder/plan share while an appliance is put together. Nothing outside this directory includes it.
 */
#pragma once
#include "base/str.h"
#include "config/firmware.h"
#include "config/profile.h"
#include "config/service.h"
#include "plan/appliance.h"

/* A place in a file of the user, and what is being evaluated there. */
struct place {
	const char *file;
	unsigned line, column;
	const char *what; /* the key, or NULL */
	bool exact; /* the text begins at this very column (a template's line): columns of its parts can be told */
};
struct place place_of(const struct ynode *n, const char *what);
/* "file:line:column: what: ...", ERR_CONFIG. Always returns -1. */
int place_err(const struct place *p, struct err *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

struct pclaim;
enum value_kind { V_TEXT, V_LIST, V_CLAIMS, V_CONTAINERS };
struct value {
	enum value_kind kind;
	const char *text; /* (rt); of lists: the items, space-separated */
	bool secret;
	const char *why;   /* of a secret: the reference that brought it */
	const char **list; /* V_LIST: (rt) */
	struct pclaim **claims;
	const struct container **containers;
	size_t n;
};

struct psvc { /* a service while planning */
	const struct service_def *def;
	struct value *settings; /* as def->settings */
	size_t *first;		/* per container definition: its first instance in appliance.containers ... */
	size_t *count;		/* ... and how many */
	size_t index;		/* in appliance.services */
};
enum resolve_state { RESOLVE_NEW, RESOLVE_BUSY, RESOLVE_DONE };
/* implied.c: the parameters of an offer that `saves`. NULL-terminated. */
extern const struct typed_def *const saves_params[];
struct pclaim {
	struct psvc *svc;
	const struct claim_def *def;
	struct psvc *provider; /* NULL: optional and unfulfilled */
	const struct offer_def *offer;
	struct value *params; /* as offer->params */
	enum resolve_state *params_state;
	struct value *outputs; /* as offer->gives */
	enum resolve_state *outputs_state;
	long container; /* index of the container definition that `container:` names, or -1: all */
	size_t n_params;
	const struct typed_def *param_defs; /* offer->params, and `container` where the offer calls */
	const char *provision;		    /* id, or NULL */
};

struct planner {
	struct appliance *a;
	struct arena *arena; /* the appliance's */
	struct roots roots;
	const struct profile *profile;
	struct psvc *svcs;
	size_t n_svcs;
	struct pclaim *claims; /* by service, then name */
	size_t n_claims;
	const struct firmware_def **firmware; /* the sets that go in */
	size_t n_firmware;
};

/* A loop variable of a template. */
struct loopvar {
	const char *name;
	struct value value; /* V_TEXT, or one claim or container */
	const struct loopvar *outer;
};
/* Where an expression stands, which is what its names mean. */
struct scope {
	struct planner *pl;
	struct psvc *svc;		   /* whose settings, secrets, containers; NULL: the profile */
	const struct container *container; /* instance, or NULL */
	struct pclaim *claim;		   /* inside an offer: the claim it is evaluated for */
	const struct loopvar *vars;
};

/* refs.c: one reference; expr.c: ${...} in text, filters, conditions; eval.c: what most keys need. */
int eval_text(const struct scope *s, const struct place *at, const char *text, struct value *ret, struct err *err);
int eval_ref(const struct scope *s, const struct place *at, const char *ref, struct value *ret, struct err *err);
int eval_cond(const struct scope *s, const struct place *at, const char *cond, bool *ret, struct err *err);
/* Whether the condition of an `if:` holds; without one (NULL) it does. */
int eval_if(const struct scope *s, const struct ynode *when, bool *ret, struct err *err);
/* A scalar's text; refuses secrets (eval_public), or takes them. */
int eval_node(const struct scope *s, const struct ynode *n, const char *what, struct value *ret, struct err *err);
int eval_public(const struct scope *s, const struct ynode *n, const char *what, const char **ret, struct err *err);
/* The same, and known at build time: no references left, escapes undone. */
int eval_known(const struct scope *s, const struct ynode *n, const char *what, const char **ret, struct err *err);
int eval_number(const struct scope *s, const struct ynode *n, const char *what, uint64_t min, uint64_t max,
	uint64_t *ret, struct err *err);
int eval_size(const struct scope *s, const struct ynode *n, const char *what, uint64_t *ret, struct err *err);
int eval_publics(
	const struct scope *s, const struct ylist *in, const char *what, struct str_list *out, struct err *err);
int eval_knowns(const struct scope *s, const struct ylist *in, const char *what, struct str_list *out, struct err *err);
int eval_map(const struct scope *s, const struct ymap *in, bool secrets, struct kv_list *out, struct err *err);
int leak_err(const struct place *at, const struct value *v, struct err *err);

/* typed.c: settings and parameters. */
int typed_eval(
	const struct scope *s, const struct typed_def *t, const struct ynode *n, struct value *ret, struct err *err);
json_t *typed_json(const struct typed_def *t, const struct value *v);

/* files.c: files of trees and containers; `dir` is the service's, NULL for the profile's own. */
int render_file(const struct scope *s, const struct file_def *def, const char *dir, bool in_tree, struct file_spec *out,
	struct err *err);
int render_files(const struct scope *s, const file_defs *defs, const char *dir, bool in_tree, struct file_list *out,
	struct err *err);
/*
 * The path of a file that the user names, on this host (absolute), and how it is called in errors. `dir`: where to
 * look; NULL: beside the file that names it. It must be a regular file inside.
 */
int file_locate(struct arena *arena, const struct ynode *from, const char *what, const char *dir, const char **ret_path,
	const char **ret_shown, struct err *err);
/* A file of the service as a value: a parameter of type file, the stdin of a step. */
int render_text_file(
	const struct scope *s, const struct ynode *n, const char *what, struct value *ret, struct err *err);

/* mirrors.c */
int plan_mirrors(struct planner *pl, struct err *err);

/* models.c */
int plan_models(struct planner *pl, struct err *err);  /* those that the profile names */
int plan_serving(struct planner *pl, struct err *err); /* that a container serves them, and none waits for any */
/* One of the profile's models, by its name, whole or short; "" is the only one. *ret is what it goes by. */
int model_value(const struct planner *pl, const struct ynode *n, const char *key, const char *text, const char **ret,
	struct err *err);

/* claims.c */
int plan_claims(struct planner *pl, struct err *err);	    /* find providers */
int plan_claim_values(struct planner *pl, struct err *err); /* parameters and outputs, all of them */
int claim_param(struct pclaim *c, const struct planner *pl, const char *name, struct value *ret, struct err *err);
int claim_member(const struct scope *s, struct pclaim *c, const struct place *at, const char *name, bool params,
	struct value *ret, struct err *err);
struct pclaim *claim_find(const struct planner *pl, const struct psvc *svc, const char *name);
/* refusals.c: does the offer take the claim, beside those before it? All their parameters have been found. */
int claim_refused(struct planner *pl, struct pclaim *c, struct err *err);
/* `refuse:` of the services, for settings that do not go together. */
int plan_refusals(struct planner *pl, struct err *err);
/* The claims on an offer, in order. */
void claims_on(const struct planner *pl, const struct psvc *provider, const char *kind, struct value *ret);
/* The containers of the claimant that a claim concerns. */
void claim_containers(const struct planner *pl, const struct pclaim *c, struct value *ret);

/* services.c */
/* Names of the layers in which the profile has containers, in their order. */
void svc_layers(const struct planner *pl, struct value *ret);
int plan_services(struct planner *pl, struct err *err);
int plan_settings(struct planner *pl, struct err *err);
struct psvc *svc_find(const struct planner *pl, const char *name);
/* Index of a container definition by name, or -1. */
long svc_container(const struct psvc *svc, const char *name);
void svc_instances(const struct planner *pl, const struct psvc *svc, long container, struct value *ret);

/* containers.c, aliases.c, trees.c, firmware.c, modules.c, gpus.c, derived.c, secrets.c, provision.c, flows.c,
 * publish.c, saves.c, order.c, budget.c
 */
int plan_instances(struct planner *pl, struct err *err);  /* names and addresses */
int plan_containers(struct planner *pl, struct err *err); /* what is in them, but for ... */
int plan_aliases(struct planner *pl, struct err *err);	  /* ... further names ... */
int plan_files(struct planner *pl, struct err *err);	  /* ... and files, whose templates may ask for all of that */
int plan_trees(struct planner *pl, struct err *err);
int plan_firmware(struct planner *pl, struct err *err);
int plan_modules(struct planner *pl, struct err *err); /* those that the sets build, and their key */
int plan_gpus(struct planner *pl, struct err *err);    /* who gets which */
/* The GPU unit of a set that has one. */
const struct gpu_unit *gpu_unit_of(struct planner *pl, const char *name, const struct firmware_def *d);
int plan_derived(struct planner *pl, struct err *err);
int plan_secrets(struct planner *pl, struct err *err);
int plan_provision(struct planner *pl, struct err *err);
int plan_flows(struct planner *pl, struct err *err);
int plan_publish(struct planner *pl, struct err *err);
int plan_saves(struct planner *pl, struct err *err);
int plan_order(struct planner *pl, struct err *err);
int plan_budget(struct planner *pl, struct err *err);

/* Lists in the arena. */
void list_add(struct arena *arena, struct str_list *l, const char *s);
bool list_has(const struct str_list *l, const char *s);
