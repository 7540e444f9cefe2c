#include "CFanfareCrypto.h"
