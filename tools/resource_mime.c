#include "base/utf8.h"
#include "tools/picture.h"
#include "tools/resources.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *ending, *mime;
} by_name[] = {
    { "c", "text/x-c" },
    { "cpp", "text/x-c++" },
    { "css", "text/css" },
    { "csv", "text/csv" },
    { "go", "text/x-go" },
    { "h", "text/x-c" },
    { "htm", "text/html" },
    { "html", "text/html" },
    { "ipynb", "application/x-ipynb+json" },
    { "java", "text/x-java" },
    { "js", "text/javascript" },
    { "json", "application/json" },
    { "jsonl", "application/jsonl" },
    { "md", "text/markdown" },
    { "mjs", "text/javascript" },
    { "py", "text/x-python" },
    { "rs", "text/x-rust" },
    { "sh", "text/x-shellscript" },
    { "sql", "application/sql" },
    { "svg", "image/svg+xml" },
    { "toml", "application/toml" },
    { "ts", "text/x-typescript" },
    { "tsv", "text/tab-separated-values" },
    { "txt", "text/plain" },
    { "xml", "application/xml" },
    { "yaml", "application/yaml" },
    { "yml", "application/yaml" },
};

/* What is no text, by its first bytes. */
static const struct {
    const char *magic;
    size_t at, len;
    const char *mime;
} by_content[] = {
    { "%PDF-", 0, 5, "application/pdf" },
    { "PK\3\4", 0, 4, "application/zip" },
    { "\x1f\x8b", 0, 2, "application/gzip" },
    { "\xfd"
      "7zXZ",
      0, 5, "application/x-xz" },
    { "\x28\xb5\x2f\xfd", 0, 4, "application/zstd" },
    { "\x7f"
      "ELF",
      0, 4, "application/x-elf" },
    { "SQLite format 3", 0, 15, "application/vnd.sqlite3" },
    { "PAR1", 0, 4, "application/vnd.apache.parquet" },
    { "ustar", 257, 5, "application/x-tar" },
    { "\0asm", 0, 4, "application/wasm" },
    { "WAVE", 8, 4, "audio/wav" },
    { "OggS", 0, 4, "audio/ogg" },
    { "ID3", 0, 3, "audio/mpeg" },
    { "ftyp", 4, 4, "video/mp4" },
};

static const char *content_mime(const char *data, size_t len)
{
    const char *picture = picture_mime(data, len);

    if (picture)
        return picture;
    for (size_t i = 0; i < COUNT_OF(by_content); i++)
        if (by_content[i].at + by_content[i].len <= len &&
            !memcmp(data + by_content[i].at, by_content[i].magic, by_content[i].len))
            return by_content[i].mime;
    return "application/octet-stream";
}

static const char *name_mime(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < COUNT_OF(by_name); i++)
        if (!strcasecmp(dot + 1, by_name[i].ending))
            return by_name[i].mime;
    return "text/plain";
}

const char *resources_mime(const char *path, const void *data, size_t len, bool *text)
{
    *text = !memchr(data, 0, len) && utf8_valid(data, len);
    return *text ? name_mime(path) : content_mime(data, len);
}
