import type { Project } from './project';

export const native: Project = {
  name: 'C and C++ in stages, of which only the program is left',
  base: 'debian-cc',
  packages: ['gcc', 'g++', 'libc6-dev', 'make'],
  files: {
    'greeting.cpp': `#include <string>
extern "C" const char *greeting() {
  static const std::string text = std::string("built by ") + "g++\\n";
  return text.c_str();
}
`,
    'server.c': `#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
const char *greeting(void);
int main(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(80)};
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 8)) return 1;
  for (;;) {
    char asked[1024], answer[256];
    int client = accept(server, NULL, NULL);
    if (read(client, asked, sizeof asked) > 0) {
      snprintf(answer, sizeof answer, "HTTP/1.0 200 OK\\r\\n\\r\\n%s", greeting());
      if (write(client, answer, strlen(answer)) < 0) return 2;
    }
    close(client);
  }
}
`,
    Makefile:
      'server: server.o greeting.o\n\tg++ -static -o $@ $^\n%.o: %.c\n\tgcc -O2 -Wall -c -o $@ $<\n%.o: %.cpp\n\tg++ -O2 -c -o $@ $<\n',
    '.dockerignore': '*.o\nserver\n',
    Dockerfile: `FROM debian-cc AS build
WORKDIR /src
COPY . .
RUN make -j2
FROM scratch
COPY --from=build /src/server /server
ENTRYPOINT ["/server"]
`,
  },
  answers: { '/': 'built by g++\n' },
};

export const jvm: Project = {
  name: 'a service of the JVM, whose jar an earlier stage makes',
  base: 'debian-jdk',
  packages: ['openjdk-17-jdk-headless'],
  links: Object.fromEntries(['java', 'javac', 'jar'].map((name) => [`usr/bin/${name}`, `../lib/jvm/java-17-openjdk-amd64/bin/${name}`])),
  files: {
    'src/Main.java': `import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Main {
  public static void main(String[] args) throws Exception {
    var server = HttpServer.create(new InetSocketAddress(80), 0);
    server.createContext("/", exchange -> {
      byte[] body = ("asked for " + exchange.getRequestURI() + "\\n").getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }
}
`,
    Dockerfile: `FROM debian-jdk AS build
WORKDIR /src
COPY src .
RUN javac -d /classes Main.java && jar --create --file /app.jar --main-class Main -C /classes .
FROM debian-jdk
COPY --from=build /app.jar /app.jar
CMD ["java", "-Xmx64m", "-jar", "/app.jar"]
`,
  },
  answers: { '/this': 'asked for /this\n' },
};
