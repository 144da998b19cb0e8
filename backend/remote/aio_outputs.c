#include "backend/remote/aio_code.h"
#include "base/b64.h"
#include "base/utf8.h"

#include <string.h>

#define RESULTS_MAX 64
#define RESULT_BYTES_MAX (8 * 1024 * 1024)
#define TRACEBACK_MAX (64 * 1024)

struct sink {
    struct aio_job *job;
    struct code_result *res; /* NULL: everything becomes output */
    struct err *err;
};

/* A text, or a list of its lines. */
static int join(struct buf *out, yyjson_val *v, const char *between, struct err *err)
{
    yyjson_val *part;
    size_t i, n;

    if (yyjson_is_str(v))
        return buf_add(out, yyjson_get_str(v), yyjson_get_len(v), err);
    yyjson_arr_foreach (v, i, n, part) {
        if (yyjson_is_str(part) && ((i && buf_adds(out, between, err)) ||
                                    buf_add(out, yyjson_get_str(part), yyjson_get_len(part), err)))
            return -1;
    }
    return 0;
}

static bool binary(const char *mime)
{
    return (!strncmp(mime, "image/", 6) && strcmp(mime, "image/svg+xml")) ||
           !strcmp(mime, "application/pdf");
}

/* Base64 as notebooks have it: with line breaks. */
static int decode(struct buf *raw, const struct buf *text, struct err *err)
{
    AUTO(buf) struct buf packed = BUF_MAX(RESULT_BYTES_MAX * 2);

    for (size_t i = 0; i < text->len;) {
        size_t n = strcspn(text->data + i, "\r\n ");
        if (buf_add(&packed, text->data + i, n, err))
            return -1;
        i += n + strspn(text->data + i + n, "\r\n ");
    }
    return b64_decode(raw, buf_str(&packed), packed.len, err);
}

static int add_mime(struct sink *s, const char *mime, yyjson_val *value)
{
    AUTO(buf) struct buf text = BUF_MAX(RESULT_BYTES_MAX * 2), raw = BUF_MAX(RESULT_BYTES_MAX);
    struct jw w = JW(&text, s->err);

    if (s->res->result_count >= RESULTS_MAX)
        return 0;
    if (yyjson_is_obj(value) || (yyjson_is_arr(value) && strstr(mime, "json"))) {
        jw_val(&w, value);
        if (jw_done(&w))
            return -1;
    } else if (join(&text, value, "", s->err)) {
        return -1;
    }
    if (binary(mime) && !decode(&raw, &text, NULL))
        return code_result_add(s->res, mime, buf_str(&raw), raw.len, false, s->err);
    return code_result_add(s->res, mime, buf_str(&text), text.len, false, s->err);
}

static int add_rich(struct sink *s, yyjson_val *output, bool is_value)
{
    yyjson_val *data = yyjson_obj_get(output, "data"), *key, *value;
    yyjson_val *plain = yyjson_obj_get(data, "text/plain");
    AUTO(buf) struct buf text = BUF_MAX(RESULT_BYTES_MAX);
    size_t i, n;

    if (join(&text, plain, "", s->err))
        return -1;
    if (!s->res) {
        aio_job_text(s->job, 0, buf_str(&text), text.len);
        aio_job_text(s->job, 0, "\n", 1);
        return 0;
    }
    if (is_value && plain && !s->res->text && !(s->res->text = buf_take(&text)))
        return err_oom(s->err);
    yyjson_obj_foreach (data, i, n, key, value) {
        if (is_value ? value == plain : value == plain && n > 1)
            continue;
        if (add_mime(s, yyjson_get_str(key), value))
            return -1;
    }
    return 0;
}

static char *plain_copy(const char *text, size_t len)
{
    AUTO(buf) struct buf out = BUF_MAX(TRACEBACK_MAX * 3);

    if (text_add_plain(&out, text, len < TRACEBACK_MAX ? len : TRACEBACK_MAX, NULL, NULL))
        return NULL;
    return buf_take(&out);
}

static int add_error(struct sink *s, yyjson_val *output)
{
    AUTO(buf) struct buf trace = BUF_MAX(RESULT_BYTES_MAX);
    const char *name = json_str(output, "ename"), *value = json_str(output, "evalue");
    char *shown;

    if (join(&trace, yyjson_obj_get(output, "traceback"), "\n", s->err))
        return -1;
    shown = plain_copy(buf_str(&trace), trace.len);
    if (!s->res) {
        aio_job_text(s->job, 1, shown ? shown : "", shown ? strlen(shown) : 0);
        aio_job_text(s->job, 1, "\n", 1);
        free(shown);
        return 0;
    }
    free(s->res->traceback);
    free(s->res->error_name);
    free(s->res->error_value);
    s->res->traceback = shown;
    s->res->error_name = plain_copy(name ? name : "Error", strlen(name ? name : "Error"));
    s->res->error_value = plain_copy(value ? value : "", value ? strlen(value) : 0);
    return shown && s->res->error_name && s->res->error_value ? 0 : err_oom(s->err);
}

static int add_stream(struct sink *s, yyjson_val *output, bool *seen)
{
    AUTO(buf) struct buf text = BUF_MAX(AIO_REPLY_MAX);
    const char *name = json_str(output, "name");

    *seen = true;
    if (join(&text, yyjson_obj_get(output, "text"), "", s->err))
        return -1;
    aio_job_text(s->job, name && !strcmp(name, "stderr"), buf_str(&text), text.len);
    return 0;
}

static int add_output(struct sink *s, yyjson_val *output, bool streams, bool *seen)
{
    const char *type = json_str(output, "output_type");

    if (!type)
        return 0;
    if (!strcmp(type, "stream"))
        return streams ? add_stream(s, output, seen) : 0;
    if (streams)
        return 0;
    if (!strcmp(type, "execute_result") || !strcmp(type, "display_data"))
        return add_rich(s, output, type[0] == 'e');
    return strcmp(type, "error") ? 0 : add_error(s, output);
}

static int each(struct sink *s, yyjson_val *data, bool streams, bool *seen)
{
    yyjson_val *outputs = yyjson_obj_get(data, "outputs"), *output;
    size_t i, n;

    yyjson_arr_foreach (outputs, i, n, output) {
        if (add_output(s, output, streams, seen))
            return -1;
    }
    return 0;
}

int aio_outputs(struct aio_job *j, yyjson_val *data, struct code_result *res, struct err *err)
{
    struct sink s = { .job = j, .res = res, .err = err };
    const char *out = json_str(data, "stdout"), *errs = json_str(data, "stderr");
    bool seen = false;

    if (each(&s, data, true, &seen))
        return -1;
    if (!seen && out)
        aio_job_text(j, 0, out, strlen(out));
    if (!seen && errs)
        aio_job_text(j, 1, errs, strlen(errs));
    return each(&s, data, false, &seen);
}
