#include "backend/recording/mkv.h"

#include <endian.h>
#include <string.h>

enum {
    EBML = 0x1A45DFA3,
    SEGMENT = 0x18538067,
    SEEK_HEAD = 0x114D9B74,
    INFO = 0x1549A966,
    TRACKS = 0x1654AE6B,
    CLUSTER = 0x1F43B675,
    CUES = 0x1C53BB6B,
    CHAPTERS = 0x1043A770,
    EMPTY = 0xEC,
};

#define SEEK_ROOM 128 /* bytes kept free at the front for the table of what follows at the end */
#define EPOCH_2001 978307200ll
#define TAIL_MAX (512 * 1024)
#define CUE_MS 1000

/* ---- elements; a failed add shows in the last one's result ---- */

static void put_id(struct buf *b, uint32_t id)
{
    unsigned char bytes[4];
    int n = 0;

    for (int shift = 24; shift >= 0; shift -= 8)
        if (n || id >> shift & 0xff)
            bytes[n++] = (unsigned char)(id >> shift);
    (void)!buf_add(b, bytes, (size_t)n, NULL);
}

static void put_size(struct buf *b, uint64_t size)
{
    unsigned char bytes[8];

    size |= 1ull << 56;
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(size >> (56 - 8 * i));
    (void)!buf_add(b, bytes, 8, NULL);
}

static void put_bytes(struct buf *b, uint32_t id, const void *data, size_t len)
{
    put_id(b, id);
    put_size(b, len);
    (void)!buf_add(b, data, len, NULL);
}

static void put_text(struct buf *b, uint32_t id, const char *text)
{
    put_bytes(b, id, text, strlen(text));
}

static void put_uint(struct buf *b, uint32_t id, uint64_t v)
{
    uint64_t big = htobe64(v);
    unsigned skip = v >> 32 ? 0 : v >> 16 ? 4 : v >> 8 ? 6 : 7;

    put_bytes(b, id, (const char *)&big + skip, 8 - skip);
}

static void put_double(struct buf *b, uint32_t id, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    bits = htobe64(bits);
    put_bytes(b, id, &bits, sizeof(bits));
}

/* One that holds others: its size is filled in at the end. */
static size_t open_element(struct buf *b, uint32_t id)
{
    put_id(b, id);
    put_size(b, 0);
    return b->len;
}

static void close_element(struct buf *b, size_t start)
{
    uint64_t size = htobe64((b->len - start) | 1ull << 56);

    memcpy(b->data + start - 8, &size, sizeof(size));
}

static int write_at(int fd, uint64_t at, const void *data, size_t len, struct err *err)
{
    const char *p = data;

    while (len) {
        ssize_t n = pwrite(fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_sys(err, n ? errno : ENOSPC, "write the recording");
        p += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

/* ---- head ---- */

static void put_ebml(struct buf *b)
{
    size_t e = open_element(b, EBML);

    put_uint(b, 0x4286, 1);
    put_uint(b, 0x42F7, 1);
    put_uint(b, 0x42F2, 4);
    put_uint(b, 0x42F3, 8);
    put_text(b, 0x4282, "matroska");
    put_uint(b, 0x4287, 4);
    put_uint(b, 0x4285, 2);
    close_element(b, e);
}

static void put_void(struct buf *b, size_t whole)
{
    static const char zeros[SEEK_ROOM];

    put_bytes(b, EMPTY, zeros, whole - 9);
}

static void put_info(struct buf *b, struct mkv *m, const char *name, int64_t wall_ms)
{
    int64_t date = (int64_t)htobe64((uint64_t)(wall_ms - EPOCH_2001 * 1000) * 1000000);
    size_t e = open_element(b, INFO);

    put_uint(b, 0x2AD7B1, 1000000);
    put_double(b, 0x4489, 0);
    m->duration_at = b->len - 8;
    put_bytes(b, 0x4461, &date, sizeof(date));
    put_text(b, 0x4D80, "sandbox-mcp");
    put_text(b, 0x5741, "sandbox-mcp");
    if (*name)
        put_text(b, 0x7BA9, name);
    close_element(b, e);
}

static void put_tracks(struct buf *b, int width, int height)
{
    size_t tracks = open_element(b, TRACKS), entry = open_element(b, 0xAE), video;

    put_uint(b, 0xD7, 1);
    put_uint(b, 0x73C5, 1);
    put_uint(b, 0x83, 1);
    put_uint(b, 0x9C, 0);
    put_text(b, 0x86, "V_MJPEG");
    video = open_element(b, 0xE0);
    put_uint(b, 0xB0, (uint64_t)width);
    put_uint(b, 0xBA, (uint64_t)height);
    close_element(b, video);
    close_element(b, entry);
    close_element(b, tracks);
}

int mkv_begin(struct mkv *m, int fd, int width, int height, const char *name, int64_t wall_ms,
              struct err *err)
{
    AUTO(buf) struct buf b = BUF_MAX(4096);

    *m = (struct mkv){ .fd = fd, .cues = calloc(MKV_CUES_MAX, sizeof(*m->cues)) };
    if (!m->cues || !buf_reserve(&b, 2048, err))
        return err_oom(err);
    put_ebml(&b);
    put_id(&b, SEGMENT);
    (void)!buf_add(&b, "\x01\xff\xff\xff\xff\xff\xff\xff", 8, NULL);
    m->segment = m->seek_at = b.len;
    put_void(&b, SEEK_ROOM);
    put_info(&b, m, name, wall_ms);
    put_tracks(&b, width, height);
    if (write_at(fd, 0, b.data, b.len, err))
        return -1;
    m->at = b.len;
    return 0;
}

void mkv_done(struct mkv *m)
{
    free(m->cues);
    m->cues = NULL;
}

/* ---- pictures ---- */

static void remember(struct mkv *m, int64_t ms)
{
    if (m->cue_count == MKV_CUES_MAX ||
        (m->cue_count && ms - m->cues[m->cue_count - 1].ms < CUE_MS))
        return;
    m->cues[m->cue_count].ms = ms;
    m->cues[m->cue_count++].at = m->at - m->segment;
}

int mkv_frame(struct mkv *m, int64_t ms, const void *jpeg, size_t len, struct err *err)
{
    AUTO(buf) struct buf b = BUF_MAX(len + 256);
    size_t cluster, block;

    if (!buf_reserve(&b, len + 128, err))
        return -1;
    cluster = open_element(&b, CLUSTER);
    put_uint(&b, 0xE7, (uint64_t)ms);
    block = open_element(&b, 0xA3);
    (void)!buf_add(&b, "\x81\0\0\x80", 4, NULL);
    (void)!buf_add(&b, jpeg, len, NULL);
    close_element(&b, block);
    close_element(&b, cluster);
    if (write_at(m->fd, m->at, b.data, b.len, err)) {
        (void)!ftruncate(m->fd, (off_t)m->at);
        return -1;
    }
    remember(m, ms);
    m->at += b.len;
    m->last_ms = ms;
    return 0;
}

int mkv_duration(struct mkv *m, int64_t ms, struct err *err)
{
    double v = (double)ms;
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    bits = htobe64(bits);
    return write_at(m->fd, m->duration_at, &bits, sizeof(bits), err);
}

/* ---- tail ---- */

static void put_cues(struct buf *b, const struct mkv *m)
{
    size_t cues = open_element(b, CUES);

    for (unsigned i = 0; i < m->cue_count; i++) {
        size_t point = open_element(b, 0xBB), where;
        put_uint(b, 0xB3, (uint64_t)m->cues[i].ms);
        where = open_element(b, 0xB7);
        put_uint(b, 0xF7, 1);
        put_uint(b, 0xF1, m->cues[i].at);
        close_element(b, where);
        close_element(b, point);
    }
    close_element(b, cues);
}

static void put_chapters(struct buf *b, int64_t duration_ms, const struct recording_mark *marks,
                         unsigned count)
{
    size_t chapters = open_element(b, CHAPTERS), edition = open_element(b, 0x45B9);

    for (unsigned i = 0; i < count; i++) {
        int64_t end = i + 1 < count ? marks[i + 1].at_ms : duration_ms;
        size_t atom = open_element(b, 0xB6), display;
        put_uint(b, 0x73C4, i + 1);
        put_uint(b, 0x91, (uint64_t)marks[i].at_ms * 1000000);
        put_uint(b, 0x92, (uint64_t)(end > marks[i].at_ms ? end : marks[i].at_ms) * 1000000);
        display = open_element(b, 0x80);
        put_text(b, 0x85, marks[i].title);
        put_text(b, 0x437C, "und");
        close_element(b, display);
        close_element(b, atom);
    }
    close_element(b, edition);
    close_element(b, chapters);
}

static void put_seek(struct buf *b, uint32_t id, uint64_t at)
{
    uint32_t big = htobe32(id);
    size_t e = open_element(b, 0x4DBB);

    put_bytes(b, 0x53AB, &big, sizeof(big));
    put_uint(b, 0x53AC, at);
    close_element(b, e);
}

/* What lies where; the room that is left stays void. */
static int write_seek_head(struct mkv *m, uint64_t cues, uint64_t chapters, struct err *err)
{
    AUTO(buf) struct buf b = BUF_MAX(SEEK_ROOM * 2);
    size_t e;

    if (!buf_reserve(&b, SEEK_ROOM * 2 - 1, err))
        return -1;
    e = open_element(&b, SEEK_HEAD);
    put_seek(&b, CUES, cues);
    if (chapters)
        put_seek(&b, CHAPTERS, chapters);
    close_element(&b, e);
    put_void(&b, SEEK_ROOM - b.len);
    return write_at(m->fd, m->seek_at, b.data, b.len, err);
}

int mkv_end(struct mkv *m, int64_t duration_ms, const struct recording_mark *marks, unsigned count,
            struct err *err)
{
    AUTO(buf) struct buf b = BUF_MAX(TAIL_MAX);
    uint64_t cues = m->at - m->segment, chapters = 0, size;

    if (!buf_reserve(&b, TAIL_MAX - 1, err))
        return -1;
    put_cues(&b, m);
    if (count) {
        chapters = cues + b.len;
        put_chapters(&b, duration_ms, marks, count);
    }
    if (write_at(m->fd, m->at, b.data, b.len, err) || mkv_duration(m, duration_ms, err) ||
        write_seek_head(m, cues, chapters, err))
        return -1;
    m->at += b.len;
    size = htobe64((m->at - m->segment) | 1ull << 56);
    return write_at(m->fd, m->segment - 8, &size, sizeof(size), err);
}
