/*
 * Who wants to hear of what changed, and telling them: subscriptions/listen of modern
 * clients, resources/subscribe and the outlet of legacy sessions.
 *
 * A listen hears of what it asked for, after its acknowledgement; a legacy session, once it is
 * initialized, of every list that is declared, and of the resources it subscribed to. What a slow
 * reader has not taken yet is not queued a second time; a listen whose queue is full ends, a
 * session loses the message. Nothing is remembered for a client that comes back with a new listen.
 *
 * Any thread. Nothing here blocks for long: the functions below only queue.
 */
#ifndef MCP_SUBS_H
#define MCP_SUBS_H

#include "mcp/server.h"

#define LISTENS_MAX 1024           /* open at once; beyond: -32603 */
#define LISTENS_PER_PRINCIPAL 512  /* same */
#define SUB_URIS_MAX 256           /* of one listen or session */
#define SUB_TASKS_MAX 64           /* of one listen */
#define SUB_BYTES_MAX 32768        /* of its URIs and task ids together */
#define WATCHED_MAX 4096           /* different URIs of all principals */
#define WATCHED_PER_PRINCIPAL 1024 /* same, of one of them */

/* Bits of server_config.list_changed: 1u << LIST_... */
enum server_list { LIST_TOOLS, LIST_PROMPTS, LIST_RESOURCES };

/* A list is not what it was. Does nothing for one that is not declared to change. */
void server_list_changed(struct server *srv, enum server_list list);

/* A resource is not what it was; principal: whose it is, NULL everyone's. */
void server_resource_updated(struct server *srv, const char *principal, const char *uri);

/* The same of one sandbox: who has its owner, and the name that it was watched with. */
void server_resource_updated_in(struct server *srv, const struct caller *who, const char *uri);

/* detailed_task_json: one JSON object, what tasks/get says of it, without _meta. */
void subs_task_changed(struct server *srv, const char *principal, const char *task_id,
                       const char *detailed_task_json, size_t len);

struct server_streams {
    unsigned listens;  /* open now */
    unsigned sessions; /* legacy ones with an outlet */
    unsigned watched;  /* URIs */
    uint64_t slow;     /* listens that were ended because their queue was full */
    uint64_t lost;     /* messages that a session had no room for */
};

void server_streams(struct server *srv, struct server_streams *out);

#endif
