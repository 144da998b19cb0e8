/*
 * What the files of the router share about questions to the client; the contract for
 * handlers is mcp/ask.h.
 *
 * A struct ask_round is one ask(): the questions, and the answers as they come, one by one, from
 * any thread. Three ways lead to answers, and each is a function of the same form (ask_way):
 *   ask_legacy.c   requests to the client on the stream of the call, and its responses;
 *   mrtr.c         an input_required result; the answers are in the request that follows;
 *   c->ask_way     set by who turned the call into a task: it publishes the round, waits with
 *                  ask_round_wait(), and takes it back before it returns. tasks/update delivers
 *                  with ask_round_answer() meanwhile.
 * Rounds live until their call is over, as a handler reads the answers in them.
 */
#ifndef MCP_ASKING_H
#define MCP_ASKING_H

#include "mcp/ask.h"
#include "mcp/router.h"

#define ASK_KEY_MAX 64                       /* bytes of a key, with what makes it unique */
#define ASK_PARAMS_MAX (256 * 1024)          /* bytes of the params of one question */
#define ASK_ROUNDS_MAX 64                    /* ask() in one call */
#define ASK_OPEN_MAX 64                      /* legacy: questions open at once in a connection */
#define ASK_WAIT_MS ((int64_t)5 * 60 * 1000) /* legacy: a user has so long */

struct ask_item {
    char key[ASK_KEY_MAX + 1]; /* as the client sees it */
    enum ask_kind kind;
    bool once;
    yyjson_doc *params; /* owned; an object */
    yyjson_doc *doc;    /* round->lock; owned; of the answer, NULL when it lives elsewhere */
    yyjson_val *answer; /* round->lock; NULL: open */
    bool failed;        /* round->lock; the client answered with an error */
};

struct ask_round {
    struct list link;  /* asking->rounds; the worker's */
    struct list open;  /* conn->asked; srv->lock */
    uint64_t first_id; /* legacy: of items[0]; the others follow */
    unsigned needs;    /* legacy: SCOPE_* of the call that asks, and so of who answers */
    pthread_mutex_t lock;
    int changed_fd;     /* eventfd: an answer came */
    struct err refused; /* lock; the client answered with an error, code ERR_NONE: it did not */
    size_t count;
    struct ask_item items[ASK_MAX];
};

typedef int ask_way(struct server_call *c, struct ask_round *round, struct err *err);

enum ask_taken {
    ASK_TAKEN,
    ASK_UNKNOWN, /* no question of that key, or answered already: ignore it */
    ASK_WRONG,   /* not an answer to this question: it stays open */
};

/*
 * number: 0, or which round of the task this is, from 1 on: it makes the keys unique over the
 * life of the task. Heap; NULL on failure.
 */
struct ask_round *ask_round_new(const struct ask *asks, size_t n, unsigned number,
                                struct err *err) MUST_CHECK;
void ask_round_free(struct ask_round *r); /* NULL is fine */
DEFINE_AUTO_PTR(ask_round, ask_round_free);

/* Any thread. The answer is judged and copied. */
enum ask_taken ask_round_answer(struct ask_round *r, const char *key, size_t len,
                                yyjson_val *answer);

/* Any thread: answer (taken; NULL: an error, in *refused) of question i, not judged yet. */
void ask_round_put(struct ask_round *r, size_t i, yyjson_doc *answer, const struct err *refused);

/* Any thread: how many are open. */
size_t ask_round_left(struct ask_round *r);

/* Any thread: an object of what is open, key -> {"method":...,"params":{...}}. */
void ask_round_write(struct ask_round *r, struct jw *w);

/*
 * Until every question is answered: 0. -1: the call ended, the client answered with an error, or
 * the deadline passed (monotonic, 0 none; the call's own is not looked at).
 */
int ask_round_wait(struct ask_round *r, struct call *call, int64_t deadline_ms,
                   struct err *err) MUST_CHECK;

/* "elicitation/create", ... */
const char *ask_method(enum ask_kind kind);

/* Is it the result of such a request? params: of the request. */
bool ask_fits(enum ask_kind kind, yyjson_val *params, yyjson_val *answer);

/* ---- ask.c: what a call has of all this; most have nothing ---- */

struct asking {
    struct list rounds;
    unsigned round_count;
    bool pending;       /* mrtr.c: `members` are the result */
    struct buf members; /* of an input_required result */
    int refusal;        /* ask_refuse(): the code; 0 none */
    char *refusal_data; /* JSON or NULL */
    char message[1536];

    char digest[65];       /* of the arguments; "" not known yet */
    yyjson_doc *state;     /* of requestState: what an earlier round said; NULL the first */
    yyjson_doc *responses; /* a copy, once the document of the request went */
    yyjson_val *given;     /* inputResponses, or NULL */
    char *next_state;      /* ask_set_state(), NULL not called */
};

/* The call's, made when it has none. NULL: no memory. */
struct asking *asking_get(struct server_call *c, struct err *err) MUST_CHECK;
void asking_free(struct asking *a); /* NULL is fine */

/*
 * The call failed because it asked or was refused, not because of `failed`. The protocol's error,
 * or the input_required result, is then written by ask_write(), with the status for HTTP.
 */
bool ask_decides(const struct server_call *c);
int ask_write(struct server_call *c, int *http_status, struct err *err) MUST_CHECK;

/* ---- ask_legacy.c ---- */

ask_way ask_legacy;

/* A response came in, of who has these scopes. 0, or those that answering it needs beside. */
unsigned ask_response(struct server_conn *conn, yyjson_val *root, unsigned scopes);

/* ---- mrtr.c ---- */

ask_way mrtr_ask;

/*
 * Worker, before the work: what the client brought back. -1: refused, as inputResponses or
 * requestState are not what they must be.
 */
int mrtr_open(struct server_call *c, struct err *err) MUST_CHECK;

/* Worker: the document of the request goes; what ask() may need later is kept. */
int mrtr_drop_document(struct server_call *c, struct err *err) MUST_CHECK;

#endif
