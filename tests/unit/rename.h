/* Our functions that have the names of libc's get others on the host: the C
 * library, cmocka and the sanitizers go on using their own. Given to the compiler
 * with -include, for all sources of a program alike. */
#define memcpy    q_memcpy
#define memmove   q_memmove
#define memset    q_memset
#define memcmp    q_memcmp
#define strlen    q_strlen
#define strnlen   q_strnlen
#define strcmp    q_strcmp
#define strncmp   q_strncmp
#define strchr    q_strchr
#define strrchr   q_strrchr
#define strstr    q_strstr
#define strlcpy   q_strlcpy
#define snprintf  q_snprintf
#define vsnprintf q_vsnprintf
