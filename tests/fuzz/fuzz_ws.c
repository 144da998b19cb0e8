/*
 * Frames that a client of a WebSocket sends. The input's first byte chooses how large the pieces
 * are that the rest arrives in. What is read must not depend on them: it is read once more at once,
 * and what came of both is compared. What passes must be what the promise says.
 *
 * covers: transport/ws_frame.c
 * seeds: tests/fuzz/seeds/ws
 */
#include "base/utf8.h"
#include "transport/ws_frame.h"

#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 65536
#define MESSAGE_MAX 4096
#define EVENTS_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct event {
    enum ws_got got;
    enum ws_status status;
    size_t len;
    uint64_t sum;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static uint64_t sum(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = 1469598103934665603u;

    while (len--)
        h = (h ^ *p++) * 1099511628211u;
    return h;
}

static struct event look(const struct ws_reader *r, enum ws_got got, enum ws_status status)
{
    struct event e = { .got = got };

    if (got == WS_GOT_MESSAGE) {
        must(r->message.len <= MESSAGE_MAX);
        must(utf8_valid(buf_str(&r->message), r->message.len));
        e.len = r->message.len;
        e.sum = sum(buf_str(&r->message), e.len);
    } else if (got == WS_GOT_WRONG) {
        must(status == WS_PROTOCOL || status == WS_UNSUPPORTED || status == WS_ENCODING ||
             status == WS_TOO_LARGE);
        e.status = status;
    } else {
        must(r->control_len <= WS_CONTROL_MAX);
        must(got != WS_GOT_CLOSE || r->control_len != 1);
        e.len = r->control_len;
        e.sum = sum(r->control, e.len);
    }
    return e;
}

static size_t read_all(unsigned char *data, size_t size, size_t piece, struct event *out)
{
    struct ws_reader r;
    size_t count = 0, at = 0;
    enum ws_got got = WS_GOT_NOTHING;

    ws_reader_init(&r, MESSAGE_MAX);
    while (at < size && got != WS_GOT_WRONG && count < EVENTS_MAX) {
        size_t n = size - at < piece ? size - at : piece, used;
        enum ws_status status = WS_NORMAL;
        got = ws_read(&r, data + at, n, &used, &status);
        must(used <= n && used);
        must(got || used == n);
        at += used;
        if (got)
            out[count++] = look(&r, got, status);
    }
    ws_reader_done(&r);
    return count;
}

/* As a well-behaved client sends it. */
static void round_trip(const uint8_t *data, size_t size)
{
    unsigned char frame[14 + MESSAGE_MAX];
    struct ws_reader r;
    enum ws_status status;
    size_t used, head;

    if (size > MESSAGE_MAX || !utf8_valid((const char *)data, size))
        return;
    head = ws_head(frame, WS_TEXT, size);
    frame[1] |= 0x80;
    memcpy(frame + head, "\1\2\3\4", 4);
    for (size_t i = 0; i < size; i++)
        frame[head + 4 + i] = (unsigned char)(data[i] ^ (i % 4 + 1));
    ws_reader_init(&r, MESSAGE_MAX);
    must(ws_read(&r, frame, head + 4 + size, &used, &status) == WS_GOT_MESSAGE);
    must(r.message.len == size && !memcmp(buf_str(&r.message), data, size));
    ws_reader_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event whole[EVENTS_MAX], pieces[EVENTS_MAX];
    unsigned char *copy;
    char accept[WS_ACCEPT_SIZE], key[25] = "";
    size_t a, b;

    if (!size || size > INPUT_MAX)
        return 0;
    memcpy(key, data, size < 24 ? size : 24);
    must(!ws_accept(key, accept) || strlen(accept) == 28);
    copy = malloc(size);
    must(copy);
    memcpy(copy, data, size);
    a = read_all(copy + 1, size - 1, SIZE_MAX, whole);
    memcpy(copy, data, size);
    b = read_all(copy + 1, size - 1, 1u + data[0] % 64, pieces);
    must(a == b && !memcmp(whole, pieces, a * sizeof(whole[0])));
    free(copy);
    round_trip(data, size);
    return 0;
}
