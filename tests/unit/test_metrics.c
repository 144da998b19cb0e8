#include "base/audit.h"
#include "base/histogram.h"
#include "check.h"
#include "transport/metrics.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_value_is_in_the_first_bucket_that_holds_it(void)
{
    struct histogram h = { 0 };

    histogram_add(&h, -5);
    histogram_add(&h, 100);
    histogram_add(&h, 101);
    histogram_add(&h, 60000000);
    histogram_add(&h, 60000001);
    CHECK_INT(h.counts[0], 2);
    CHECK_INT(h.counts[1], 1);
    CHECK_INT(h.counts[HISTOGRAM_BOUNDS - 1], 1);
    CHECK_INT(h.counts[HISTOGRAM_BOUNDS], 1);
    CHECK_INT(h.sum_us, 100 + 101 + 60000000 + 60000001);
    for (int i = 1; i < HISTOGRAM_BOUNDS; i++)
        CHECK(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
}

static void print(struct metrics *m, struct buf *out)
{
    struct metrics_now now = { .version = "1.2.3", .sandboxes = 7, .ready = true };

    now.server.in_flight = 3;
    now.server.refused[REFUSED_RATE] = 11;
    buf_clear(out);
    CHECK(!metrics_print(m, &now, out, NULL));
}

static void what_was_counted_is_in_the_text(void)
{
    AUTO(buf) struct buf text = BUF_MAX(METRICS_TEXT_MAX);
    struct metrics *m;
    char want[256];

    CHECK(!metrics_new(&m, NULL));
    metrics_call(m, &tool_defs[1], ERR_NONE, 1500);
    metrics_call(m, &tool_defs[1], ERR_TIMEOUT, 200);
    metrics_call(m, NULL, ERR_NONE, 1);
    metrics_connection(m, true);
    metrics_connection(m, true);
    metrics_connection(m, false);
    metrics_stream(m, true);
    metrics_request(m, HTTP_POST, 429, VERDICT_RATE, 10, 20, 50);
    metrics_request(m, HTTP_POST, 0, VERDICT_PASS, 0, 0, 50);
    print(m, &text);
    snprintf(want, sizeof(want), "\nsandbox_mcp_tool_calls_total{tool=\"%s\",outcome=\"ok\"} 1\n",
             tool_defs[1].name);
    CHECK_HAS(text.data, want);
    snprintf(want, sizeof(want),
             "\nsandbox_mcp_tool_calls_total{tool=\"%s\",outcome=\"timeout\"} 1\n",
             tool_defs[1].name);
    CHECK_HAS(text.data, want);
    snprintf(want, sizeof(want),
             "\nsandbox_mcp_tool_duration_seconds_bucket{tool=\"%s\",le=\"0.001\"} 1\n",
             tool_defs[1].name);
    CHECK_HAS(text.data, want);
    snprintf(want, sizeof(want), "\nsandbox_mcp_tool_duration_seconds_sum{tool=\"%s\"} 0.001700\n",
             tool_defs[1].name);
    CHECK_HAS(text.data, want);
    CHECK_HAS(text.data, "\nsandbox_mcp_connections 1\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_connections_total 2\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_streams 1\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_sandboxes 7\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_calls_in_flight 3\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_http_requests_total{method=\"POST\",code=\"429\"} 1\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_rejected_total{reason=\"rate\"} 1\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_rejected_total{reason=\"rate_in_batch\"} 11\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_http_sent_bytes_total 20\n");
    CHECK_HAS(text.data, "\nsandbox_mcp_build_info{version=\"1.2.3\"} 1\n");
    metrics_free(m);
}

static void every_verdict_has_its_own_name(void)
{
    for (int v = 0; v < VERDICT_COUNT; v++) {
        if (!guard_verdict_name((enum verdict)v))
            FAIL("verdict %d has no name", v);
        for (int w = 0; w < v; w++)
            CHECK(strcmp(guard_verdict_name((enum verdict)v), guard_verdict_name((enum verdict)w)));
    }
}

/* ---- the log of lines ---- */

static char folder[] = "/tmp/test-metrics-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static size_t content(const char *path, char *out, size_t max)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, max - 1);

    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void lines_are_appended_and_a_rotated_file_is_let_go(void)
{
    char first[128], second[128], text[256];
    struct audit *a;
    struct stat st;

    CHECK(mkdtemp(folder));
    snprintf(first, sizeof(first), "%s", path_of("log"));
    snprintf(second, sizeof(second), "%s", path_of("log.1"));
    CHECK(!audit_open(first, &a, NULL));
    CHECK(!stat(first, &st) && (st.st_mode & 0777) == 0600);
    audit_add(a, "{\"n\":1}", 7);
    for (int i = 0; i < 500 && content(first, text, sizeof(text)) < 8; i++)
        usleep(10000);
    CHECK_STR(text, "{\"n\":1}\n");
    CHECK(!rename(first, second));
    audit_reopen(a);
    audit_add(a, "{\"n\":2}", 7);
    for (int i = 0; i < 500 && access(first, F_OK); i++)
        usleep(10000);
    audit_free(a);
    content(first, text, sizeof(text));
    CHECK_STR(text, "{\"n\":2}\n");
    content(second, text, sizeof(text));
    CHECK_STR(text, "{\"n\":1}\n");
    unlink(first);
    unlink(second);
}

static void control_characters_are_escaped(void)
{
    static const char line[] = "{\"a\":\"x\x7f y\xc2\x9bz \xc3\xa9\"}";
    char text[256], path[128];
    struct audit *a;

    snprintf(path, sizeof(path), "%s", path_of("plain"));
    CHECK(!audit_open(path, &a, NULL));
    audit_add(a, line, sizeof(line) - 1);
    audit_free(a);
    content(path, text, sizeof(text));
    CHECK_STR(text, "{\"a\":\"x\\u007f y\\u009bz \xc3\xa9\"}\n");
    unlink(path);
}

/* A pipe that is full holds up its writer; nobody who adds lines notices. */
static void a_file_that_takes_nothing_costs_lines_and_no_time(void)
{
    static char line[4000];
    char path[128];
    struct audit *a;
    AUTO_FD int reader = -1;

    snprintf(path, sizeof(path), "%s", path_of("pipe"));
    CHECK(!mkfifo(path, 0600));
    CHECK(audit_open(path, &a, NULL));
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(!audit_open(path, &a, NULL));
    memset(line, 'x', sizeof(line));
    for (unsigned i = 0; i < 4 * AUDIT_QUEUE_MAX / sizeof(line); i++)
        audit_add(a, line, sizeof(line));
    CHECK(audit_dropped(a) > 0);
    fd_close(&reader); /* the writer gets an error and goes on */
    audit_free(a);
    unlink(path);
    rmdir(folder);
}

static const struct test tests[] = {
    TEST(a_value_is_in_the_first_bucket_that_holds_it),
    TEST(what_was_counted_is_in_the_text),
    TEST(every_verdict_has_its_own_name),
    TEST(lines_are_appended_and_a_rotated_file_is_let_go),
    TEST(control_characters_are_escaped),
    TEST(a_file_that_takes_nothing_costs_lines_and_no_time),
};

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
