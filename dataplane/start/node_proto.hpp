/// The schema of the configuration file. It names port modes as operators do, AF_XDP and AF_PACKET,
/// which <sys/socket.h> makes macros: they are set aside while it is read.
#pragma once

#pragma push_macro("AF_XDP")
#pragma push_macro("AF_PACKET")
#undef AF_XDP
#undef AF_PACKET
#include "sluice/v1/node.pb.h"
#pragma pop_macro("AF_PACKET")
#pragma pop_macro("AF_XDP")
