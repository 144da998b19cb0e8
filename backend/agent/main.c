#include "backend/agent/agent.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "launch"))
        return agent_launch(argc, argv);
    if (argc > 1 && !strcmp(argv[1], "rebind"))
        return agent_rebind(argc, argv);
    return pid1_run();
}
