#include "CFanfareKernel.h"
