import { type Application, line, shell } from './application';

const COMPOSE = `name: site
services:
  page:
    build: .
    image: 127.0.0.1:5000/site/page
    expose: ["80"]
    deploy: {replicas: 2}
    labels: {tier: front}
    develop:
      watch:
        - {action: sync, path: ./www, target: /srv/www}
        - {action: rebuild, path: ./page.conf}
  edge:
    image: debian-apps
    command: ["nginx", "-c", "/etc/edge.conf", "-g", "daemon off;"]
    volumes: ["./edge.conf:/etc/edge.conf:ro"]
    ports: ["127.0.0.1:8081:80"]
    depends_on: [page]
    restart: unless-stopped
`;

const conf = (location: string): string => `worker_processes 1;
error_log /dev/stderr;
pid /tmp/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  server {
    listen 80;
    ${location}
  }
}
`;

/** Ends a watch when a page says what it should. */
const watching = (change: string, says: string, path = ''): string =>
  `compose --progress plain watch --no-up > watch.txt 2>&1 & watch=$!
until grep -q 'Watch enabled' watch.txt; do sleep 0.1; done
${change}
until [ "$(curl -s http://127.0.0.1:8081/${path})" = "${says}" ]; do sleep 0.1; done
kill -INT $watch; wait $watch; true`;

export const site: Application = {
  name: 'a site of two replicas behind an edge, which is watched, pushed and pulled',
  files: {
    'compose.yaml': COMPOSE,
    Dockerfile:
      'FROM debian-apps\nCOPY page.conf /etc/page.conf\nCOPY www /srv/www\nCMD ["nginx", "-c", "/etc/page.conf", "-g", "daemon off;"]\n',
    'www/index.html': 'first\n',
    'page.conf': conf('root /srv/www; location = /version { return 200 "one\\n"; }'),
    'edge.conf': conf('resolver 127.0.0.11 valid=1s; location / { set $page page; proxy_pass http://$page:80; }'),
  },
  steps: [
    line('config --images', 'set'),
    line('config --hash page', 'code'),
    line('--progress plain up -d --build', 'code'),
    line('ps --format {{.Name}}\u00a0{{.State}}\u00a0{{.Publishers}}', 'set'),
    shell('until curl -sf http://127.0.0.1:8081/; do sleep 0.1; done'),
    shell(watching('echo second > www/index.html', 'second')),
    shell('compose exec -T --index 2 page cat /srv/www/index.html'),
    shell(watching("sed -i 's/one/two/' page.conf", 'two', 'version'), 'code'),
    line('push -q page', 'code'),
    // no way to tell compose of a registry without TLS; what it pushes before is there already
    shell('compose publish -y 127.0.0.1:5000/site/app 2>&1 | grep -o "server gave HTTP response to HTTPS client"'),
    line('--progress plain down', 'set'),
    shell('docker rmi -f 127.0.0.1:5000/site/page', 'code'),
    line('images -q'),
    line('pull -q page', 'code'),
    line('--progress plain up -d --no-build --scale page=1', 'code'),
    shell('until curl -sf http://127.0.0.1:8081/version; do sleep 0.1; done'),
    shell(
      'compose attach --no-stdin --sig-proxy=false page & attach=$!; until docker events --since 1 --until 0s --filter event=attach --filter container=site-page-1 | grep -q attach; do sleep 0.1; done; docker kill -s QUIT site-page-1 >/dev/null; wait $attach',
      'code',
    ),
    shell(
      'compose events --json > events.txt & events=$!; until grep -q \'"action":"start"\' events.txt; do compose --progress plain restart -t 1 edge >/dev/null 2>&1; done; kill $events; grep -o \'"action":"[a-z]*"\' events.txt | sort -u',
    ),
    line('--progress plain kill', 'set'),
    line('ps -a --format {{.Service}}\u00a0{{.State}}\u00a0{{.ExitCode}}', 'set'),
    line('--progress plain down', 'set'),
    line('ls -aq'),
  ],
};
