/*
 * The egress proxy: request heads, and host names against a policy. What is let through is
 * rewritten, and what is rewritten parses as a head without a second request in it.
 *
 * covers: backend/local/egress_head.c backend/local/egress_policy.c
 * seeds: tests/fuzz/seeds/egress
 */
#include "backend/local/egress_proxy.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(const char *text, size_t len)
{
    AUTO(buf) struct buf out = BUF_MAX(4 * EGRESS_HEAD_MAX);
    struct egress_head head;
    const char *end;

    if (len > EGRESS_HEAD_MAX || egress_head_parse(text, len, &head) || head.connect)
        return;
    if (egress_head_rewrite(&head, &out, NULL))
        abort();
    end = memmem(out.data, out.len, "\r\n\r\n", 4);
    if (!end || end + 4 != out.data + out.len || memchr(out.data, 0, out.len))
        abort();
}

static void check_policy(const char *text, size_t len)
{
    AUTO_FREE char *copy = strndup(text, len);
    struct egress_policy *p = NULL;
    struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
    char host[EGRESS_HOST_MAX];
    struct err err;

    if (!copy || egress_policy_parse(copy, &p, &err))
        return;
    memcpy(&a.sin6_addr, text, len < 16 ? len : 16);
    if (p && egress_host_normal(text, len < 40 ? len : 40, host)) {
        (void)egress_policy_allows(p, host, 443);
        (void)egress_address_allowed(p, host, 443, (struct sockaddr *)&a);
    }
    for (size_t i = 0; p && egress_policy_entry(p, i); i++)
        ;
    (void)(p && egress_policy_names_loopback(p));
    egress_policy_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] == 'P')
        check_policy((const char *)data + 1, size - 1);
    else
        check_head((const char *)data, size);
    return 0;
}
