/* The store of recordings and its video file: bounds, what a dead server leaves, hostile files. */
#include "backend/recording/meta.h"
#include "backend/recording/mkv.h"
#include "base/clock.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char me[] = "me";

static char root[64];
static struct recording_store *store;

static void begin(void)
{
    struct err err = { 0 };

    snprintf(root, sizeof(root), "/tmp/smcp-recording-XXXXXX");
    CHECK(mkdtemp(root));
    CHECK(!recording_store_new(root, &store, &err));
}

static void end(void)
{
    char command[128];

    recording_store_free(store);
    snprintf(command, sizeof(command), "rm -rf %s", root);
    CHECK(!system(command));
}

/* One that has ended, with a file of that size (a hole). */
static void make(const char *owner, const char *sandbox, int64_t bytes, int64_t ended_ms,
                 char id[ID_SIZE])
{
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    struct recording_meta m = { .kind = RECORDING_VIDEO, .state = RECORDING_STOPPED };
    struct err err = { 0 };

    snprintf(m.sandbox, sizeof(m.sandbox), "%s", sandbox);
    if (recording_create(store, owner, &m, &f, &err))
        FAIL("%s", err.msg);
    CHECK(!ftruncate(f.data_fd, bytes));
    m.bytes = bytes;
    m.ended_ms = ended_ms;
    CHECK(!recording_save(&f, &m, &err));
    snprintf(id, ID_SIZE, "%s", m.id);
}

static size_t count(const char *owner)
{
    AUTO_FREE struct recording_meta *all = NULL;
    struct err err = { 0 };
    size_t n;

    CHECK(!recording_load_all(store, owner, &all, &n, &err));
    return n;
}

static enum err_code refused(const char *owner, const char *sandbox)
{
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    struct recording_meta m = { .kind = RECORDING_VIDEO };
    struct err err = { 0 };

    snprintf(m.sandbox, sizeof(m.sandbox), "%s", sandbox);
    if (!recording_create(store, owner, &m, &f, &err))
        recording_discard(store, owner, m.id);
    return err.code;
}

static void a_sandbox_and_a_caller_have_so_many_bytes(void)
{
    char id[ID_SIZE], name[16];

    begin();
    make(me, "one", RECORDING_QUOTA, clock_wall_ms(), id);
    CHECK(refused(me, "one") == ERR_QUOTA);
    CHECK(!refused(me, "two") && !refused("you", "one"));
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        make(me, name, RECORDING_QUOTA, clock_wall_ms(), id);
    }
    CHECK(refused(me, "two") == ERR_QUOTA);
    CHECK(!recording_remove(store, me, id, NULL));
    CHECK(!refused(me, "two"));
    end();
}

static void a_caller_has_so_many_recordings(void)
{
    char id[ID_SIZE];

    begin();
    for (int i = 0; i < RECORDINGS_MAX; i++)
        make(me, "one", 1, clock_wall_ms(), id);
    CHECK(refused(me, "two") == ERR_QUOTA);
    CHECK(!refused("you", "two"));
    CHECK(count(me) == RECORDINGS_MAX && !count("you"));
    end();
}

static void old_ones_go(void)
{
    char old[ID_SIZE], young[ID_SIZE];
    struct recording_meta m;

    begin();
    make(me, "one", 1, clock_wall_ms() - RECORDING_KEEP_MS - 1000, old);
    make(me, "one", 1, clock_wall_ms() - RECORDING_KEEP_MS + 60000, young);
    CHECK(count(me) == 1);
    CHECK(recording_load(store, me, old, &m, NULL, NULL));
    CHECK(!recording_load(store, me, young, &m, NULL, NULL));
    CHECK(recording_load(store, "you", young, &m, NULL, NULL));
    end();
}

static void one_that_runs_is_left_alone_and_is_interrupted_when_its_server_is_gone(void)
{
    struct recording_file f = RECORDING_FILE;
    struct recording_meta m = { .kind = RECORDING_ACTIONS }, seen;
    struct err err = { 0 };

    begin();
    CHECK(!recording_create(store, me, &m, &f, &err));
    CHECK(!recording_load(store, me, m.id, &seen, NULL, &err));
    CHECK(seen.state == RECORDING_RUNNING);
    CHECK(recording_remove(store, me, m.id, &err) && err.code == ERR_BUSY);
    recording_file_done(&f);
    CHECK(!recording_load(store, me, m.id, &seen, NULL, &err));
    CHECK(seen.state == RECORDING_INTERRUPTED && *seen.reason && seen.ended_ms);
    CHECK(!recording_remove(store, me, m.id, &err));
    end();
}

static void names_are_no_paths(void)
{
    static const char *const names[] = { "",
                                         ".",
                                         "..",
                                         "../x",
                                         "rec_",
                                         "rec_../../../../etc/passwd",
                                         "rec_aaaaaaaaaaaaaaaaaaaaaaaaa/" };
    struct recording_meta m;
    struct err err;

    begin();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        err = (struct err){ 0 };
        CHECK(recording_load(store, me, names[i], &m, NULL, &err) && err.code == ERR_NOT_FOUND);
        CHECK(recording_remove(store, me, names[i], &err) && err.code == ERR_NOT_FOUND);
    }
    end();
}

static void records_that_are_none_are_refused(void)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"schema\":1}",
        "{\"schema\":1,\"id\":\"x\",\"kind\":\"video\"}",
        "{\"schema\":2,\"id\":\"rec_aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"kind\":\"video\","
        "\"state\":\"stopped\"}",
        "{\"schema\":1,\"id\":\"rec_aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"kind\":\"film\","
        "\"state\":\"stopped\"}",
    };
    static const char odd[] =
        "{\"schema\":1,\"id\":\"rec_aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"kind\":\"video\","
        "\"state\":\"stopped\",\"bytes\":-5,\"width\":1e9,\"marks\":[1,{\"at_ms\":\"x\"}],"
        "\"name\":7}";
    struct recording_meta m;

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        CHECK(recording_meta_read(texts[i], strlen(texts[i]), &m, NULL));
    CHECK(!recording_meta_read(odd, strlen(odd), &m, NULL));
    CHECK(!m.bytes && m.mark_count == 2 && !*m.name);
}

/* ---- the video file ---- */

static const char jpeg[] = "\xff\xd8\xff\xc0\x00\x11\x08\x02\xd0\x05\x00\x03zzzzzzzzzzzz\xff\xd9";

static int video(unsigned pictures, bool whole)
{
    char path[] = "/tmp/smcp-mkv-XXXXXX";
    int fd = mkstemp(path);
    struct recording_mark mark = { .at_ms = 100, .title = "a" };
    struct mkv m;

    CHECK(fd >= 0 && !unlink(path));
    CHECK(!mkv_begin(&m, fd, 1280, 720, "name", clock_wall_ms(), NULL));
    for (unsigned i = 0; i < pictures; i++)
        CHECK(!mkv_frame(&m, i * 100, jpeg, sizeof(jpeg) - 1, NULL));
    if (whole)
        CHECK(!mkv_end(&m, pictures * 100, &mark, 1, NULL));
    mkv_done(&m);
    return fd;
}

static void pictures_are_found_again(void)
{
    for (int whole = 0; whole < 2; whole++) {
        AUTO_FD int fd = video(50, whole);
        AUTO_FREE struct mkv_picture *all = NULL;
        char data[sizeof(jpeg)];
        size_t n;
        CHECK(!mkv_pictures(fd, &all, &n, NULL) && n == 50);
        for (size_t i = 0; i < n; i++) {
            CHECK(all[i].ms == (int64_t)i * 100 && all[i].len == sizeof(jpeg) - 1);
            CHECK(pread(fd, data, all[i].len, (off_t)all[i].at) == (ssize_t)all[i].len);
            CHECK(!memcmp(data, jpeg, all[i].len));
        }
    }
}

static void a_file_that_was_cut_off_has_the_pictures_before(void)
{
    AUTO_FD int fd = video(5, false);
    off_t end = lseek(fd, 0, SEEK_END);
    size_t last = 5;

    while (end > 0) {
        AUTO_FREE struct mkv_picture *all = NULL;
        size_t n;
        CHECK(!ftruncate(fd, --end));
        CHECK(!mkv_pictures(fd, &all, &n, NULL) && n <= last);
        for (size_t i = 0; i < n; i++)
            CHECK((off_t)(all[i].at + all[i].len) <= end);
        last = n;
    }
    CHECK(!last);
}

static void broken_files_do_no_harm(void)
{
    AUTO_FD int fd = video(3, true);
    off_t size = lseek(fd, 0, SEEK_END);

    for (off_t at = 0; at < size; at++) {
        AUTO_FREE struct mkv_picture *all = NULL;
        unsigned char was, now;
        size_t n;
        CHECK(pread(fd, &was, 1, at) == 1);
        now = was ^ 0xff;
        CHECK(pwrite(fd, &now, 1, at) == 1);
        CHECK(!mkv_pictures(fd, &all, &n, NULL) && n <= 3);
        for (size_t i = 0; i < n; i++)
            CHECK((off_t)(all[i].at + all[i].len) <= size);
        CHECK(pwrite(fd, &was, 1, at) == 1);
    }
}

static void sizes_of_pictures(void)
{
    int w = 0, h = 0;

    CHECK(jpeg_size(jpeg, sizeof(jpeg) - 1, &w, &h) && w == 1280 && h == 720);
    for (size_t n = 0; n < 11; n++)
        CHECK(!jpeg_size(jpeg, n, &w, &h));
    CHECK(!jpeg_size("\x89PNG\r\n\x1a\n.................", 24, &w, &h));
}

static void ids_are_found_in_texts(void)
{
    static const char text[] = "a page_aaaaaaaaaaaaaaaaaaaaaaaaaa, xpage_b";

    CHECK(id_at(text, 2, strlen(text)) == 31);
    CHECK(!id_at(text, 3, strlen(text)) && !id_at(text, 0, strlen(text)));
    CHECK(!id_at(text, 2, 30) && !id_at("page_aaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, 32));
}

static const struct test tests[] = {
    TEST(a_sandbox_and_a_caller_have_so_many_bytes),
    TEST(a_caller_has_so_many_recordings),
    TEST(old_ones_go),
    TEST(one_that_runs_is_left_alone_and_is_interrupted_when_its_server_is_gone),
    TEST(names_are_no_paths),
    TEST(records_that_are_none_are_refused),
    TEST(pictures_are_found_again),
    TEST(a_file_that_was_cut_off_has_the_pictures_before),
    TEST(broken_files_do_no_harm),
    TEST(sizes_of_pictures),
    TEST(ids_are_found_in_texts),
};

TEST_MAIN(tests)
