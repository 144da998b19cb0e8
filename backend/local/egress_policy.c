#include "backend/local/egress_policy.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_ANY (-1)
#define PORT_WEB 0

struct block {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;
};

struct entry {
    char text[EGRESS_HOST_MAX + 16];
    char host[EGRESS_HOST_MAX]; /* "" for a block; ".x" for *.x; "*" for any */
    bool is_block;
    struct block block;
    int port;
};

struct egress_policy {
    atomic_uint refs;
    size_t count;
    struct entry entries[];
};

static const struct {
    const char *address;
    unsigned bits;
} special[] = {
    { "::ffff:0.0.0.0", 104 },
    { "::ffff:10.0.0.0", 104 },
    { "::ffff:100.64.0.0", 106 },
    { "::ffff:127.0.0.0", 104 },
    { "::ffff:169.254.0.0", 112 },
    { "::ffff:172.16.0.0", 108 },
    { "::ffff:192.0.0.0", 120 },
    { "::ffff:192.0.2.0", 120 },
    { "::ffff:192.88.99.0", 120 },
    { "::ffff:192.168.0.0", 112 },
    { "::ffff:198.18.0.0", 111 },
    { "::ffff:198.51.100.0", 120 },
    { "::ffff:203.0.113.0", 120 },
    { "::ffff:224.0.0.0", 100 },
    { "::ffff:240.0.0.0", 100 },
    { "64:ff9b:1::", 48 },
    { "100::", 64 },
    { "2001::", 23 },
    { "2001:db8::", 32 },
    { "3fff::", 20 },
    { "5f00::", 16 },
    { "fc00::", 7 },
    { "fe80::", 10 },
    { "fec0::", 10 },
    { "ff00::", 8 },
};

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
static const unsigned char loopback6[16] = { [15] = 1 };

static bool in_block(const unsigned char a[16], const unsigned char b[16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole))
        return false;
    return !rest || !((a[whole] ^ b[whole]) & (0xff << (8 - rest)) & 0xff);
}

static void map4(unsigned char out[16], const void *four)
{
    memcpy(out, mapped, sizeof(mapped));
    memcpy(out + 12, four, 4);
}

static bool to_bytes(const struct sockaddr *addr, unsigned char out[16])
{
    if (addr->sa_family == AF_INET) {
        map4(out, &((const struct sockaddr_in *)(const void *)addr)->sin_addr);
        return true;
    }
    if (addr->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
    return true;
}

/* IPv4 inside NAT64 and 6to4 addresses: the packet ends there, so that is what counts. */
static bool embedded4(const unsigned char a[16], unsigned char out[16])
{
    static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

    if (!memcmp(a, nat64, sizeof(nat64)))
        map4(out, a + 12);
    else if (a[0] == 0x20 && a[1] == 0x02)
        map4(out, a + 2);
    else
        return false;
    return true;
}

static bool public_bytes(const unsigned char a[16])
{
    static const unsigned char zero[12];
    unsigned char inner[16], block[16];

    if (!memcmp(a, zero, sizeof(zero)))
        return false;
    for (size_t i = 0; i < COUNT_OF(special); i++)
        if (inet_pton(AF_INET6, special[i].address, block) == 1 &&
            in_block(a, block, special[i].bits))
            return false;
    return !embedded4(a, inner) || public_bytes(inner);
}

bool egress_address_public(const struct sockaddr *addr)
{
    unsigned char a[16];

    return to_bytes(addr, a) && public_bytes(a);
}

static bool of_this_machine(const unsigned char a[16])
{
    struct ifaddrs *all = NULL;
    unsigned char own[16];
    bool found = false;

    if (getifaddrs(&all))
        return true;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next)
        found = i->ifa_addr && to_bytes(i->ifa_addr, own) && !memcmp(a, own, 16);
    freeifaddrs(all);
    return found;
}

static bool loopback(const unsigned char a[16])
{
    return !memcmp(a, loopback6, 16) || (!memcmp(a, mapped, 12) && a[12] == 127);
}

static bool port_matches(const struct entry *e, uint16_t port)
{
    if (e->port == PORT_WEB)
        return port == 80 || port == 443;
    return e->port == PORT_ANY || e->port == port;
}

static bool parse_address(const char *text, unsigned char out[16])
{
    unsigned char four[4];

    if (inet_pton(AF_INET, text, four) == 1) {
        map4(out, four);
        return true;
    }
    return inet_pton(AF_INET6, text, out) == 1;
}

bool egress_host_normal(const char *host, size_t len, char out[EGRESS_HOST_MAX])
{
    unsigned char ignored[16];

    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
        if (len >= EGRESS_HOST_MAX)
            return false;
        memcpy(out, host, len);
        out[len] = '\0';
        return strlen(out) == len && inet_pton(AF_INET6, out, ignored) == 1;
    }
    if (len && host[len - 1] == '.')
        len--;
    if (!len || len >= EGRESS_HOST_MAX - 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)host[i];
        if (!isascii(c) || (!isalnum(c) && c != '-' && c != '.' && c != '_'))
            return false;
        out[i] = (char)tolower(c);
    }
    out[len] = '\0';
    return true;
}

static bool name_matches(const struct entry *e, const char *host)
{
    size_t n = strlen(host), m = strlen(e->host);

    if (e->host[0] == '*')
        return true;
    if (e->host[0] == '.')
        return n > m && !strcmp(host + n - m, e->host);
    return !strcmp(host, e->host);
}

bool egress_policy_allows(const struct egress_policy *p, const char *host, uint16_t port)
{
    unsigned char a[16];
    bool literal = parse_address(host, a);

    for (size_t i = 0; i < p->count; i++) {
        const struct entry *e = &p->entries[i];
        if (!port_matches(e, port))
            continue;
        if (e->is_block ? literal && in_block(a, e->block.bytes, e->block.bits)
                        : name_matches(e, host))
            return true;
    }
    return false;
}

bool egress_address_allowed(const struct egress_policy *p, const char *host, uint16_t port,
                            const struct sockaddr *addr)
{
    unsigned char a[16];

    if (!to_bytes(addr, a))
        return false;
    for (size_t i = 0; i < p->count; i++) {
        const struct entry *e = &p->entries[i];
        if (!port_matches(e, port))
            continue;
        if (e->is_block && in_block(a, e->block.bytes, e->block.bits))
            return true;
        if (!strcmp(e->host, "localhost") && !strcmp(host, "localhost") && loopback(a))
            return true;
    }
    return public_bytes(a) && !of_this_machine(a);
}

/* Splits "[::1]:80", "10.0.0.0/8:*", "host:443"; false when it is not of that form. */
static bool split_port(const char *text, size_t len, size_t *host_len, int *port)
{
    const char *colon = memrchr(text, ':', len);
    const char *bracket = memrchr(text, ']', len);
    char *end;
    long n;

    *port = PORT_WEB;
    *host_len = len;
    if (!colon || (bracket && bracket > colon) || (!bracket && memchr(text, ':', len) != colon))
        return true;
    *host_len = (size_t)(colon - text);
    if (colon + 2 == text + len && colon[1] == '*') {
        *port = PORT_ANY;
        return true;
    }
    n = strtol(colon + 1, &end, 10);
    *port = (int)n;
    return isdigit((unsigned char)colon[1]) && end == text + len && n > 0 && n < 65536;
}

static bool parse_block(const char *host, struct entry *e)
{
    const char *slash = strchr(host, '/');
    char address[64], *end = NULL;
    size_t n = slash ? (size_t)(slash - host) : strlen(host);
    bool four;
    long bits;

    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (n >= sizeof(address))
        return false;
    memcpy(address, host, n);
    address[n] = '\0';
    if (!parse_address(address, e->block.bytes))
        return false;
    four = !strchr(address, ':');
    bits = slash ? strtol(slash + 1, &end, 10) : four ? 32 : 128;
    if ((slash && (*end || end == slash + 1)) || bits < 0 || bits > (four ? 32 : 128))
        return false;
    e->block.bits = (unsigned)bits + (four ? 96 : 0);
    e->is_block = true;
    return true;
}

static bool parse_entry(const char *text, size_t len, struct entry *e)
{
    char host[EGRESS_HOST_MAX + 16];
    size_t n;

    if (!len || len >= sizeof(e->text) || !split_port(text, len, &n, &e->port))
        return false;
    memcpy(e->text, text, len);
    memcpy(host, text, n);
    host[n] = '\0';
    if (parse_block(host, e))
        return true;
    if (!strcmp(host, "*")) {
        memcpy(e->host, "*", 2);
        return true;
    }
    if (n > 2 && host[0] == '*' && host[1] == '.') {
        char rest[EGRESS_HOST_MAX];
        if (!egress_host_normal(host + 2, n - 2, rest) || strlen(rest) + 2 > sizeof(e->host))
            return false;
        e->host[0] = '.';
        memcpy(e->host + 1, rest, strlen(rest) + 1);
        return true;
    }
    return egress_host_normal(host, n, e->host);
}

static int parse_entries(const char *at, struct egress_policy *p, struct err *err)
{
    while (*at) {
        size_t n = strcspn(at, ",");
        if (p->count == EGRESS_ENTRIES)
            return err_set(err, ERR_INVALID, "--network: more than %d entries", EGRESS_ENTRIES);
        if (!parse_entry(at, n, &p->entries[p->count])) {
            err_set(err, ERR_INVALID,
                    "--network: \"%.*s\" is not HOST[:PORT], *.HOST[:PORT], an "
                    "address or a block of addresses",
                    (int)n, at);
            return -1;
        }
        p->count++;
        at += n + (at[n] == ',');
    }
    if (!p->count)
        return err_set(err, ERR_INVALID, "--network: allow= needs at least one host");
    return 0;
}

int egress_policy_parse(const char *text, struct egress_policy **out, struct err *err)
{
    static const char prefix[] = "allow=";
    AUTO_FREE struct egress_policy *p = NULL;

    if (!text || !strcmp(text, "none")) {
        *out = NULL;
        return 0;
    }
    if (strncmp(text, prefix, sizeof(prefix) - 1)) {
        err_set(err, ERR_INVALID, "--network: \"%s\" is unknown", text);
        return err_next(err, "use none, or allow=HOST[:PORT],*.HOST,...");
    }
    p = calloc(1, sizeof(*p) + EGRESS_ENTRIES * sizeof(struct entry));
    if (!p)
        return err_oom(err);
    if (parse_entries(text + sizeof(prefix) - 1, p, err))
        return -1;
    atomic_init(&p->refs, 1);
    *out = TAKE(p);
    return 0;
}

struct egress_policy *egress_policy_ref(const struct egress_policy *p)
{
    struct egress_policy *own = (struct egress_policy *)p;

    atomic_fetch_add(&own->refs, 1);
    return own;
}

void egress_policy_free(struct egress_policy *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1)
        free(p);
}

const char *egress_policy_entry(const struct egress_policy *p, size_t n)
{
    return n < p->count ? p->entries[n].text : NULL;
}

bool egress_policy_names_loopback(const struct egress_policy *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct entry *e = &p->entries[i];
        if (e->is_block ? loopback(e->block.bytes) : !strcmp(e->host, "localhost"))
            return true;
    }
    return false;
}
