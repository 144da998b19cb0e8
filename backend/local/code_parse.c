#include "backend/local/code.h"
#include "base/b64.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define RESULTS_MAX 200

static char *copy(yyjson_val *obj, const char *key)
{
    yyjson_val *v = yyjson_obj_get(obj, key);
    char *s;

    if (!yyjson_is_str(v))
        return NULL;
    s = malloc(yyjson_get_len(v) + 1);
    if (s) {
        memcpy(s, yyjson_get_str(v), yyjson_get_len(v) + 1);
        for (size_t i = 0; i < yyjson_get_len(v); i++)
            if (!s[i])
                s[i] = ' ';
    }
    return s;
}

static bool binary(const char *mime)
{
    return (!strncmp(mime, "image/", 6) && strcmp(mime, "image/svg+xml")) ||
           !strcmp(mime, "application/pdf");
}

void code_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
}

int code_parse_hello(const char *line, size_t len, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(line, len, NULL);
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
    const char *missing = json_str(root, "missing");
    char text[201];

    if (json_int(root, "hello", 0) != 1) {
        err_set(err, ERR_UNAVAILABLE, "the interpreter's first line is no greeting");
        return err_next(err, "look for what it runs before: usercustomize.py, sitecustomize.py");
    }
    if (!missing)
        return 0;
    snprintf(text, sizeof(text), "%s", missing);
    code_one_line(text);
    err_set(err, ERR_UNSUPPORTED, "%s", text);
    return err_next(err, "use another language, or install it on the host");
}

static int add_result(yyjson_val *item, struct code_result *res, struct err *err)
{
    const char *mime = json_str(item, "mime");
    yyjson_val *data = yyjson_obj_get(item, "data");
    bool cut = json_bool(item, "truncated", false);
    AUTO(buf) struct buf raw = BUF_MAX(CODE_LINE_MAX);

    if (!mime || strlen(mime) > 100 || !yyjson_is_str(data))
        return err_set(err, ERR_PROTOCOL, "a result without mime or data");
    if (!binary(mime))
        return code_result_add(res, mime, yyjson_get_str(data), yyjson_get_len(data), cut, err);
    if (b64_decode(&raw, yyjson_get_str(data), yyjson_get_len(data), err))
        return -1;
    return code_result_add(res, mime, buf_str(&raw), raw.len, cut, err);
}

static void add_error(yyjson_val *error, struct code_result *res)
{
    res->error_name = copy(error, "name");
    res->error_value = copy(error, "value");
    res->traceback = copy(error, "traceback");
}

int code_parse(const char *line, size_t len, int64_t id, const char *token, struct code_result *res,
               struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(line, len, err);
    yyjson_val *root = yyjson_doc_get_root(doc), *item;
    const char *status = json_str(root, "status"), *got = json_str(root, "token");
    int64_t dropped = json_int(root, "results_dropped", 0);
    size_t i, max;

    if (!doc)
        return -1;
    if (!status || !got || strcmp(got, token) || json_int(root, "id", -1) != id)
        return err_set(err, ERR_PROTOCOL, "the interpreter's answer belongs to no request");
    res->status = !strcmp(status, "ok") ? CODE_OK : CODE_ERROR;
    res->execution_count = json_int(root, "execution_count", 0);
    res->text = copy(root, "text");
    res->results_dropped = dropped > 0 ? (size_t)dropped : 0;
    if (res->status == CODE_ERROR)
        add_error(yyjson_obj_get(root, "error"), res);
    yyjson_arr_foreach (yyjson_obj_get(root, "results"), i, max, item) {
        if (i == RESULTS_MAX)
            break;
        if (add_result(item, res, err))
            return -1;
    }
    yyjson_arr_foreach (yyjson_obj_get(root, "files"), i, max, item) {
        if (i == RESULTS_MAX)
            break;
        if (yyjson_is_str(item) &&
            strings_add(&res->files_created, yyjson_get_str(item), yyjson_get_len(item), err))
            return -1;
    }
    return 0;
}
