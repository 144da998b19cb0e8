/*
 * The request line and headers that HTTP judges by. Input: a character whose bits choose the guard,
 * then "METHOD PATH" and one "Name: value" per line. What passes must be what the promise says.
 *
 * covers: transport/http_guard.c transport/http_headers.c
 * seeds: tests/fuzz/seeds/http_guard
 */
#include "transport/auth.h"
#include "transport/http_guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INPUT_MAX 4096
#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const hosts[] = { "mcp.example.com", "other.example:8443", NULL };
static const char *const origins[] = { "https://app.example.com", NULL };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool starts(const char *s, const char *with)
{
    return s && !strncasecmp(s, with, strlen(with));
}

/* What a browser that was led here by a foreign page would say can never pass. */
static void check_source(const struct guard *g, const struct http_headers *h)
{
    const char *host = h->value[HEADER_HOST], *origin = h->value[HEADER_ORIGIN];

    if (guard_source(g, h) != VERDICT_PASS)
        return;
    if (g->loopback && !g->hosts)
        must(starts(host, "localhost") || starts(host, "127.0.0.1") || starts(host, "[::1]"));
    if (g->loopback || g->hosts)
        must(!strpbrk(host, "/@?# "));
    if (!origin)
        return;
    must(starts(origin, "http://") || starts(origin, "https://"));
    must(!strpbrk(origin + 8, "/@?# "));
    if (!g->origins)
        must(strcasestr(origin, "://localhost") || strstr(origin, "://127.0.0.1") ||
             strstr(origin, "://[::1]"));
}

static void check_message(const struct guard *g, enum http_method method,
                          const struct http_headers *h)
{
    const char *sandbox = h->value[HEADER_SANDBOX];
    uint64_t length = 0;

    if (guard_message(g, method, h) != VERDICT_PASS)
        return;
    must(guard_length(h, &length));
    must(length == GUARD_LENGTH_UNKNOWN || length <= g->body_max);
    must(!h->value[HEADER_CONTENT_LENGTH] || !h->value[HEADER_TRANSFER_ENCODING]);
    must(!sandbox || (*sandbox && strlen(sandbox) <= GUARD_SANDBOX_MAX && !strchr(sandbox, '/')));
    if (method == HTTP_POST)
        must(starts(h->value[HEADER_CONTENT_TYPE], "application/json") && http_headers_accepts(h));
}

static void judge(const struct guard *g, char *text)
{
    struct http_headers h = { 0 };
    enum http_method method = HTTP_POST;
    char *line = strsep(&text, "\n"), *path = strchr(line, ' ');

    if (path)
        *path++ = '\0';
    if (guard_target(line, path ? path : "", &method) == VERDICT_PASS)
        must(starts(path, "/mcp"));
    for (int i = 0; i < LINES_MAX && (line = strsep(&text, "\n")); i++) {
        char *value = strchr(line, ':');
        if (value)
            *value++ = '\0';
        must(http_headers_add(&h, line, value));
    }
    for (int i = 0; i < HEADER_COUNT; i++)
        must(!h.value[i] || !*h.value[i] ||
             (!strchr(" \t", *h.value[i]) && !strchr(" \t", h.value[i][strlen(h.value[i]) - 1])));
    check_source(g, &h);
    check_message(g, method, &h);
    http_headers_done(&h);
}

/* Only the one token opens. */
static void authorize(const char *value)
{
    static const char token[] = "0123456789abcdef-._~+/=";
    static const struct auth_config config = { .token = token };
    static struct auth *auth;
    struct identity who;

    if (!auth)
        must(!auth_open(&config, &auth, NULL));
    must(auth_check(auth, value, &who) != AUTH_YES || strstr(value, token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[INPUT_MAX + 1];
    struct guard g = { .address = "127.0.0.1", .body_max = 1000 };

    if (!size || size - 1 > INPUT_MAX)
        return -1;
    g.loopback = data[0] & 1;
    g.hosts = data[0] & 2 ? hosts : NULL;
    g.origins = data[0] & 4 ? origins : NULL;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    authorize(text);
    judge(&g, text);
    return 0;
}
