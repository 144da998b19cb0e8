#include "tests/unit/agent_files.h"

#include <sched.h>
#include <sys/mount.h>

enum { OVERWRITE, CREATE, APPEND };

static struct wire_out w;
static struct answer a;

static void start_write(const char *path, uint32_t how)
{
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, WIRE_FILE_WRITE);
    wire_put_str(&w, TAG_PATH, path);
    wire_put_u32(&w, TAG_WRITE_MODE, how);
}

/* In a mount namespace of its own: a file system with little space. */
static void full_disk(void)
{
    static const char *const names[] = { "small/file", "small/linked", "small/log", "small/new" };
    static char big[20000];
    struct served s;
    char *got;

    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mkdir(at("small"), 0755) || mount("tmpfs", at("small"), "tmpfs", 0, "size=64k"))
        _exit(77);
    memset(big, 'x', sizeof(big) - 1);
    put_text("small/file", "precious");
    put_text("small/linked", "precious");
    put_text("small/log", "precious");
    CHECK(!link(at("small/linked"), at("small/other")));
    put("small/filler", big, sizeof(big));
    put("small/more", big, sizeof(big));
    for (size_t i = 0; i < 4; i++) {
        serve_start(&s, false, -1, 0);
        start_write(at(names[i]), i == 2 ? APPEND : OVERWRITE);
        wire_put(&w, TAG_DATA, big, sizeof(big));
        ask(&s, &w, false, &a);
        serve_stop(&s);
        check_error(&a, CODE_QUOTA, "no space left", NULL);
        got = get(names[i], NULL);
        CHECK(i == 3 ? !got : got && !strcmp(got, "precious"));
        free(got);
    }
    CHECK_INT(leftovers(at("small")), 0);
}

static void a_full_disk_leaves_the_old_file(void)
{
    int status;
    pid_t pid;

    if (getuid())
        SKIP("only root can mount");
    pid = fork();
    if (!pid) {
        if (setjmp(check_jump))
            _exit(1);
        full_disk();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        SKIP("this machine allows no mounts");
    CHECK_INT(WEXITSTATUS(status), 0);
}

struct watcher {
    _Atomic bool stop;
    const char *path;
    bool torn;
    long reads;
};

static void *watch(void *arg)
{
    struct watcher *watcher = arg;
    char buf[20001];

    while (!watcher->stop) {
        int fd = open(watcher->path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, buf, sizeof(buf));
        watcher->torn |= n != 20000 || buf[0] != buf[19999];
        watcher->reads++;
        close(fd);
    }
    return NULL;
}

static void readers_see_the_old_or_the_new_content(void)
{
    static char one[20001], two[20001], path[4096];
    struct watcher watcher = { .path = path };
    pthread_t thread;
    struct served s;

    snprintf(path, sizeof(path), "%s", at("atomic"));
    memset(one, '1', 20000);
    memset(two, '2', 20000);
    put("atomic", one, 20000);
    CHECK(!pthread_create(&thread, NULL, watch, &watcher));
    serve_start(&s, false, -1, 0);
    for (int i = 0; i < 300; i++) {
        start_write(path, OVERWRITE);
        wire_put(&w, TAG_DATA, i % 2 ? one : two, 20000);
        ask(&s, &w, false, &a);
        check_reply(&a);
    }
    serve_stop(&s);
    watcher.stop = true;
    pthread_join(thread, NULL);
    CHECK(!watcher.torn);
    CHECK(watcher.reads > 0);
}

static const struct test tests[] = {
    TEST(a_full_disk_leaves_the_old_file),
    TEST(readers_see_the_old_or_the_new_content),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
