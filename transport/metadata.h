/*
 * What clients are told about authorization: the challenges of WWW-Authenticate, and the
 * metadata of a protected resource (RFC 9728) where an issuer gives tokens. With static tokens
 * alone there is no metadata, and a challenge only says "Bearer".
 *
 * Made once, read by any thread.
 */
#ifndef TRANSPORT_METADATA_H
#define TRANSPORT_METADATA_H

#include "base/buf.h"
#include "transport/http_guard.h"

#define METADATA_URL_MAX 2048 /* bytes of the resource, and of each server */
#define METADATA_MAX 65536    /* bytes of the document */
#define CHALLENGE_MAX 4096

/* Strings are borrowed while it is made. */
struct metadata_config {
    const char *resource;       /* URI of the endpoint as clients write it; NULL: no metadata */
    const char *const *servers; /* issuers, ended by NULL */
};

/* Zero it, metadata_done() at its end. */
struct metadata {
    struct buf document;  /* empty: there is none */
    struct buf challenge; /* up to what depends on the request */
    struct buf paths[2];  /* where the document is, besides what is below it */
};

int metadata_make(const struct metadata_config *config, struct metadata *out,
                  struct err *err) MUST_CHECK;
void metadata_done(struct metadata *m);

/* This path is one of the document's; never when there is none. */
bool metadata_path(const struct metadata *m, const char *path);

/* The value of WWW-Authenticate for a refusal. False: it has none. */
bool metadata_challenge(const struct metadata *m, enum verdict verdict, char out[CHALLENGE_MAX]);

/* The same for a 403: these scopes are needed. */
void metadata_scope_challenge(const struct metadata *m, unsigned needs, char out[CHALLENGE_MAX]);

#endif
