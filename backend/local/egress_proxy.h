/*
 * One connection of the egress proxy.
 */
#ifndef BACKEND_LOCAL_EGRESS_PROXY_H
#define BACKEND_LOCAL_EGRESS_PROXY_H

#include "backend/local/egress.h"

/* The head of a proxy request, split. Pointers lead into the text that was parsed. */
struct egress_head {
    bool connect; /* CONNECT host:port; otherwise METHOD http://host[:port]/path */
    char host[EGRESS_HOST_MAX];
    uint16_t port;
    const char *method, *path, *version, *fields; /* fields: header lines, up to the blank line */
    size_t method_len, path_len, version_len, fields_len;
};

/*
 * text[0..len) ends with the blank line. 0, or the HTTP status to answer with. No NUL, no
 * bare CR, no obsolete folding, no white space in the target is let through.
 */
int egress_head_parse(const char *text, size_t len, struct egress_head *head);

/* The head to send to the origin server: origin form, one Host, no hop-by-hop fields. */
int egress_head_rewrite(const struct egress_head *head, struct buf *out,
                        struct err *err) MUST_CHECK;

/*
 * Serve client (borrowed, blocking) until it is over or stop_fd becomes readable. refused() is
 * called when the policy forbids it, with the line for the reader.
 */
void egress_serve(const struct egress_policy *policy, int client, int stop_fd,
                  void (*refused)(void *context, const char *line), void *context);

#endif
