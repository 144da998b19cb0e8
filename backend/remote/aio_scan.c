#include "backend/remote/aio_scan.h"

#include <string.h>

static void flush(struct aio_scan *s)
{
    if (s->out_len)
        s->text(s, s->stream, s->out, s->out_len);
    s->out_len = 0;
}

static void put(struct aio_scan *s, const char *data, size_t len)
{
    if (s->out_len + len > sizeof(s->out))
        flush(s);
    if (len > sizeof(s->out)) {
        s->text(s, s->stream, data, len);
        return;
    }
    memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
}

static void put_char(struct aio_scan *s, unsigned c)
{
    char u[4];
    size_t n = 0;

    if (c < 0x80) {
        u[n++] = (char)c;
    } else if (c < 0x800) {
        u[n++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        u[n++] = (char)(0xe0 | c >> 12);
        u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        u[n++] = (char)(0xf0 | c >> 18);
        u[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        u[n++] = (char)(0x80 | (c & 0x3f));
    put(s, u, n);
}

/* A high half that nothing follows. */
static void drop_high(struct aio_scan *s)
{
    if (s->high)
        put_char(s, 0xfffd);
    s->high = 0;
}

static void put_unit(struct aio_scan *s, unsigned unit)
{
    bool low = unit >= 0xdc00 && unit <= 0xdfff;

    if (low && s->high) {
        put_char(s, 0x10000 + ((s->high - 0xd800) << 10) + (unit - 0xdc00));
        s->high = 0;
        return;
    }
    drop_high(s);
    if (unit >= 0xd800 && unit <= 0xdbff)
        s->high = unit;
    else
        put_char(s, low ? 0xfffd : unit);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of \uXXXX. */
static int hex_digit(struct aio_scan *s, char c, struct err *err)
{
    unsigned unit = 0;

    if (hex_value(c) < 0)
        return err_set(err, ERR_UNAVAILABLE, "the answer is not JSON");
    s->hex[s->hex_len++] = c;
    if (s->hex_len < 4)
        return 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | (unsigned)hex_value(s->hex[i]);
    s->hex_len = -1;
    put_unit(s, unit);
    return 0;
}

static int escape(struct aio_scan *s, char c, struct err *err)
{
    static const char from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
    const char *at = memchr(from, c, sizeof(from) - 1);

    s->escaped = false;
    if (c == 'u') {
        s->hex_len = 0;
        return 0;
    }
    if (!at)
        return err_set(err, ERR_UNAVAILABLE, "the answer is not JSON");
    drop_high(s);
    put(s, to + (at - from), 1);
    return 0;
}

/* Bytes of a stream's string up to its end or the end of the piece; returns how many. */
static size_t take_stream(struct aio_scan *s, const char *p, size_t len, int *r, struct err *err)
{
    size_t i = 0;

    while (i < len && !*r) {
        size_t n = 0;
        if (s->hex_len >= 0) {
            *r = hex_digit(s, p[i++], err);
            continue;
        }
        if (s->escaped) {
            *r = escape(s, p[i++], err);
            continue;
        }
        while (i + n < len && p[i + n] != '"' && p[i + n] != '\\')
            n++;
        if (n) {
            drop_high(s);
            put(s, p + i, n);
            i += n;
            continue;
        }
        if (p[i] == '"')
            break;
        s->escaped = true;
        i++;
    }
    return i;
}

static int stream_of(const struct aio_scan *s)
{
    if (s->key_len != 6)
        return -1;
    return !memcmp(s->key, "stdout", 6) ? 0 : !memcmp(s->key, "stderr", 6) ? 1 : -1;
}

static void begin_string(struct aio_scan *s)
{
    s->state = s->expecting_value ? SCAN_VALUE : SCAN_KEY;
    s->stream = s->expecting_value ? stream_of(s) : -1;
    s->escaped = false;
    s->hex_len = -1;
    s->high = 0;
    if (s->state == SCAN_KEY)
        s->key_len = 0;
}

static void end_string(struct aio_scan *s)
{
    if (s->stream >= 0) {
        drop_high(s);
        flush(s);
    }
    s->state = SCAN_OUTSIDE;
    s->expecting_value = false;
    s->stream = -1;
}

/* One byte of anything else: into the rest, with an eye on where keys are. */
static int take_other(struct aio_scan *s, char c, struct err *err)
{
    if (buf_addc(&s->rest, c, err))
        return -1;
    if (s->state == SCAN_OUTSIDE) {
        if (c == '"')
            begin_string(s);
        else if (c == ':')
            s->expecting_value = true;
        else if (strchr(",{[", c))
            s->expecting_value = false;
        return 0;
    }
    if (s->escaped) {
        s->escaped = false;
        return 0;
    }
    if (c == '\\')
        s->escaped = true;
    else if (c == '"')
        end_string(s);
    else if (s->state == SCAN_KEY && s->key_len <= sizeof(s->key))
        s->key_len < sizeof(s->key) ? (void)(s->key[s->key_len++] = c) : (void)s->key_len++;
    return 0;
}

static int take(struct http_sink *sink, const char *data, size_t len, struct err *err)
{
    struct aio_scan *s = (struct aio_scan *)sink;
    int r = 0;

    for (size_t i = 0; i < len && !r;) {
        if (s->stream < 0 || s->state != SCAN_VALUE) {
            r = take_other(s, data[i++], err);
            continue;
        }
        i += take_stream(s, data + i, len - i, &r, err);
        if (i < len && !r)
            r = take_other(s, data[i++], err);
    }
    return r;
}

static void begin(struct http_sink *sink)
{
    struct aio_scan *s = (struct aio_scan *)sink;

    buf_clear(&s->rest);
    s->state = SCAN_OUTSIDE;
    s->expecting_value = s->escaped = false;
    s->stream = s->hex_len = -1;
    s->key_len = s->out_len = 0;
    s->high = 0;
    s->restart(s);
}

void aio_scan_init(struct aio_scan *s)
{
    *s = (struct aio_scan){
        .sink = { .begin = begin, .data = take },
        .rest = BUF_MAX(AIO_SCAN_REST_MAX),
        .stream = -1,
        .hex_len = -1,
    };
}

void aio_scan_done(struct aio_scan *s)
{
    buf_done(&s->rest);
}
