/*
 * Ways out of a sandbox: file_download and its parts.
 */
#ifndef TOOLS_HAND_H
#define TOOLS_HAND_H

#include "tools/transfer.h"

#define PACK_TIMEOUT_MS (600 * 1000)
#define PACK_YIELD_MS 20000

struct handing {
    struct tool_call *call;
    struct sandbox *sb;
    const char *path; /* in the sandbox */
    char name[STORE_NAME_MAX];

    /* What became of it. */
    char *real; /* path, as the sandbox resolves it */
    int64_t files, size;
    char sha256[65];                                           /* of a single file; "" */
    char *to;                                                  /* where on the host; NULL */
    char url[HANDOUT_URL_MAX], expires_at[TRANSFER_TIME_SIZE]; /* "" none */
    const char *mime;                                          /* NULL: not looked at */
    struct tree skipped;
    char process_id[36]; /* the archive is still being made; "" */
};
void handing_done(struct handing *h);

/* Makes an archive of h->path in the sandbox: *packed is its path, to be removed with
 * hand_unpack() unless it is to stay; h->name gets the extension. kind: "tar.gz", "zip". After
 * PACK_YIELD_MS *packed is NULL and h->process_id names who goes on with it. */
int hand_pack(struct handing *h, const char *kind, char **packed, struct err *err) MUST_CHECK;
void hand_unpack(struct handing *h, const char *packed);

/* It is a folder. */
bool hand_is_folder(struct handing *h);

int hand_to_host(struct handing *h, const char *to, struct err *err) MUST_CHECK;
int hand_tree(struct handing *h, const char *to, struct err *err) MUST_CHECK;
int hand_ticket(struct handing *h, struct err *err) MUST_CHECK;

#endif
