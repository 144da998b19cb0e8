#include "check.h"
#include "transport/ws_frame.h"

#define MAX 1000

/* Masked with zeros, so that the payload is as it is written. */
#define MASK "\0\0\0\0"

static enum ws_got read_text(struct ws_reader *r, const char *data, size_t len,
                             enum ws_status *status)
{
    unsigned char bytes[2048];
    size_t used;

    CHECK(len <= sizeof(bytes));
    memcpy(bytes, data, len);
    return ws_read(r, bytes, len, &used, status);
}

static void the_key_of_the_rfc_is_accepted(void)
{
    char out[WS_ACCEPT_SIZE];

    CHECK(ws_accept("dGhlIHNhbXBsZSBub25jZQ==", out));
    CHECK_STR(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK(!ws_accept("dGhlIHNhbXBsZSBub25jZQ=", out));
    CHECK(!ws_accept("dGhlIHNhbXBsZSBub25jZQ!=", out));
    CHECK(!ws_accept("dGhlIHNhbXBsZSBub25jZWU=", out));
    CHECK(!ws_accept("", out));
    CHECK(!ws_accept(NULL, out));
}

static void what_breaks_the_rules_is_refused(void)
{
    static const struct {
        const char *data;
        size_t len;
        enum ws_status status;
    } cases[] = {
        { "\x81\x01", 2, WS_PROTOCOL },                         /* not masked */
        { "\xc1\x81", 2, WS_PROTOCOL },                         /* a reserved bit */
        { "\x83\x81", 2, WS_PROTOCOL },                         /* a reserved opcode */
        { "\x8b\x81", 2, WS_PROTOCOL },                         /* a reserved control */
        { "\x82\x81", 2, WS_UNSUPPORTED },                      /* binary */
        { "\x80\x81", 2, WS_PROTOCOL },                         /* goes on with nothing */
        { "\x09\x80", 2, WS_PROTOCOL },                         /* a control in fragments */
        { "\x89\xfe", 2, WS_PROTOCOL },                         /* a long control */
        { "\x81\xfe\0\x05" MASK, 8, WS_PROTOCOL },              /* a short length, long */
        { "\x81\xff\0\0\0\0\0\0\0\x05" MASK, 14, WS_PROTOCOL }, /* longer still */
        { "\x81\xff\xff\0\0\0\0\0\0\0" MASK, 14, WS_PROTOCOL }, /* negative */
        { "\x81\xff\0\0\0\0\0\1\0\0" MASK, 14, WS_TOO_LARGE },
        { "\x81\xfe\x03\xe9" MASK, 8, WS_TOO_LARGE },
        { "\x81\x82" MASK "\xc3\x28", 8, WS_ENCODING },
        { "\x01\x81" MASK "a\x81\x81", 9, WS_PROTOCOL },    /* begins anew */
        { "\x88\x81" MASK "\x03", 7, WS_PROTOCOL },         /* half a code */
        { "\x88\x82" MASK "\x03\xed", 8, WS_PROTOCOL },     /* 1005 */
        { "\x88\x82" MASK "\x00\x01", 8, WS_PROTOCOL },     /* 1 */
        { "\x88\x83" MASK "\x03\xe8\xff", 9, WS_PROTOCOL }, /* its reason */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum ws_status status = WS_NORMAL;
        struct ws_reader r;
        ws_reader_init(&r, MAX);
        enum ws_got got = read_text(&r, cases[i].data, cases[i].len, &status);
        ws_reader_done(&r);
        if (got != WS_GOT_WRONG || status != cases[i].status)
            FAIL("case %zu: %d, status %d", i, got, status);
    }
}

static void fragments_are_one_message_and_controls_come_between(void)
{
    static const char data[] =
        "\x01\x82" MASK "{\"\x89\x82" MASK "hi\x00\x80" MASK "\x80\x83" MASK "a\"}";
    unsigned char bytes[sizeof(data)];
    enum ws_status status;
    struct ws_reader r;
    size_t used, at;

    memcpy(bytes, data, sizeof(data));
    ws_reader_init(&r, MAX);
    CHECK(ws_read(&r, bytes, sizeof(data) - 1, &used, &status) == WS_GOT_PING);
    CHECK(r.control_len == 2 && !memcmp(r.control, "hi", 2));
    at = used;
    CHECK(ws_read(&r, bytes + at, sizeof(data) - 1 - at, &used, &status) == WS_GOT_MESSAGE);
    CHECK(at + used == sizeof(data) - 1);
    CHECK_STR(buf_str(&r.message), "{\"a\"}");
    ws_reader_done(&r);
}

static void all_fragments_together_are_bounded(void)
{
    enum ws_status status = WS_NORMAL;
    char part[408] = "\x01\xfe\x01\x90" MASK;
    struct ws_reader r;

    memset(part + 8, 'x', 400);
    ws_reader_init(&r, MAX);
    CHECK(read_text(&r, part, sizeof(part), &status) == WS_GOT_NOTHING);
    part[0] = 0;
    CHECK(read_text(&r, part, sizeof(part), &status) == WS_GOT_NOTHING);
    CHECK(read_text(&r, part, sizeof(part), &status) == WS_GOT_WRONG);
    CHECK(status == WS_TOO_LARGE);
    ws_reader_done(&r);
}

static void a_mask_is_taken_off_wherever_the_bytes_are_split(void)
{
    static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
    unsigned char frame[6 + 100], bytes[6 + 100];
    enum ws_status status;
    size_t used;

    frame[0] = 0x81;
    frame[1] = 0x80 | 100;
    memcpy(frame + 2, mask, 4);
    for (size_t i = 0; i < 100; i++)
        frame[6 + i] = (unsigned char)(('a' + i % 26) ^ mask[i % 4]);
    for (size_t split = 1; split < sizeof(frame); split++) {
        struct ws_reader r;
        memcpy(bytes, frame, sizeof(frame));
        ws_reader_init(&r, MAX);
        CHECK(ws_read(&r, bytes, split, &used, &status) == WS_GOT_NOTHING);
        CHECK(ws_read(&r, bytes + split, sizeof(frame) - split, &used, &status) == WS_GOT_MESSAGE);
        CHECK(r.message.len == 100);
        for (size_t i = 0; i < 100; i++)
            CHECK(r.message.data[i] == (char)('a' + i % 26));
        ws_reader_done(&r);
    }
}

static void heads_are_as_short_as_can_be(void)
{
    unsigned char out[WS_HEAD_MAX];

    CHECK(ws_head(out, WS_TEXT, 125) == 2 && out[0] == 0x81 && out[1] == 125);
    CHECK(ws_head(out, WS_TEXT, 126) == 4 && out[1] == 126 && !out[2] && out[3] == 126);
    CHECK(ws_head(out, WS_TEXT, 65535) == 4 && out[2] == 0xff && out[3] == 0xff);
    CHECK(ws_head(out, WS_CLOSE, 65536) == 10 && out[0] == 0x88 && out[1] == 127 && out[7] == 1);
}

static const struct test tests[] = {
    TEST(the_key_of_the_rfc_is_accepted),
    TEST(what_breaks_the_rules_is_refused),
    TEST(fragments_are_one_message_and_controls_come_between),
    TEST(all_fragments_together_are_bounded),
    TEST(a_mask_is_taken_off_wherever_the_bytes_are_split),
    TEST(heads_are_as_short_as_can_be),
};

TEST_MAIN(tests)
