#include "backend/local/etc.h"
#include "base/io.h"

#include <string.h>

static const struct {
    const char *path, *text;
} own[] = {
    { "/etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n"
                     "user:x:1000:1000:user:/home/user:/bin/bash\n"
                     "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n" },
    { "/etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n" },
    { "/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n" },
    { "/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"
                            "networks: files\nprotocols: files\nservices: files\n" },
};

static const char *const copied[] = { "/etc/debian_version", "/etc/lsb-release",
                                      "/etc/protocols",      "/etc/services",
                                      "/etc/timezone",       "/etc/ssl/openssl.cnf" };

_Static_assert(COUNT_OF(own) + COUNT_OF(copied) <= ETC_FILES_MAX, "ETC_FILES_MAX");

int etc_read(struct etc_files *out, struct err *err)
{
    *out = (struct etc_files){ 0 };
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        struct etc_file *f = &out->items[out->count++];
        f->path = own[i].path;
        f->data = BUF_MAX(ETC_FILE_BYTES);
        if (buf_adds(&f->data, own[i].text, err))
            return -1;
    }
    for (size_t i = 0; i < COUNT_OF(copied); i++) {
        struct etc_file *f = &out->items[out->count];
        f->path = copied[i];
        f->data = BUF_MAX(ETC_FILE_BYTES);
        if (io_read_file(f->path, ETC_FILE_BYTES, &f->data, NULL) || !f->data.len)
            buf_done(&f->data);
        else
            out->count++;
    }
    return 0;
}

void etc_done(struct etc_files *e)
{
    for (size_t i = 0; i < e->count; i++)
        buf_done(&e->items[i].data);
    e->count = 0;
}
