#include "backend/agent/agent.h"

#include <string.h>
#include <unistd.h>

#define PLACES 3

static const struct {
    const char *name, *paths[PLACES];
} programs[] = {
    { "bash", { "/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash" } },
    { "sh", { "/bin/sh" } },
    { "python3", { "/usr/bin/python3", "/usr/local/bin/python3" } },
    { "node", { "/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs" } },
    { "git", { "/usr/bin/git", "/usr/local/bin/git" } },
    { "gcc", { "/usr/bin/gcc", "/usr/local/bin/gcc" } },
    { "ffmpeg", { "/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg" } },
    { "Rscript", { "/usr/bin/Rscript", "/usr/local/bin/Rscript" } },
};

#define PROGRAMS (sizeof(programs) / sizeof(programs[0]))

const char *program_name(size_t i)
{
    return i < PROGRAMS ? programs[i].name : NULL;
}

const char *program_path(const char *name)
{
    for (size_t i = 0; i < PROGRAMS; i++)
        for (size_t k = 0; k < PLACES && !strcmp(programs[i].name, name); k++)
            if (programs[i].paths[k] && !access(programs[i].paths[k], X_OK))
                return programs[i].paths[k];
    return NULL;
}
