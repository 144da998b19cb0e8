#include "backend/agent/agent.h"
#include "backend/agent/launch.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "launch"))
        return launch_main(argc - 2, argv + 2);
    return pid1_run();
}
