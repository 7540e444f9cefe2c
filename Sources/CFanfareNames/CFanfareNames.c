#include "CFanfareNames.h"
