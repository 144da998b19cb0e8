#include "base/cleanup.h"
#include "tools/recording_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is needed to find it again: it may be deleted before it is fetched. */
struct kept {
    struct recording_store *store;
    const char *format; /* NULL: as it was recorded */
    char id[ID_SIZE];
    char principal[];
};

static int open_kept(void *context, struct err *err)
{
    const struct kept *kept = context;
    AUTO_FREE struct recording_meta *m = calloc(1, sizeof(*m));
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    int fd;

    if (!m)
        return err_oom(err);
    if (recording_load(kept->store, kept->principal, kept->id, m, &f, err))
        return -1;
    if (!kept->format)
        return TAKE_FD(&f.data_fd);
    fd = openat(f.dir_fd, kept->format, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? err_sys(err, errno, "open the video") : fd;
}

static const struct handout_source source = { .open = open_kept, .free = free };

int recording_hand_out(struct tool_call *call, struct recording_store *store,
                       const struct recording_meta *m, const char *format, const char *name,
                       const char *mime, struct err *err)
{
    const struct tools_context *ctx = call->context;
    struct handout *file;
    struct kept *kept;

    if (!ctx->handouts)
        return 0;
    kept = calloc(1, sizeof(*kept) + strlen(call->principal) + 1);
    if (!kept)
        return err_oom(err);
    kept->store = store;
    kept->format = format;
    memcpy(kept->id, m->id, sizeof(kept->id));
    strcpy(kept->principal, call->principal);
    return handout_new(name, mime, &source, kept, &file, err) || tools_hand_out(call, file, err)
               ? -1
               : 0;
}
