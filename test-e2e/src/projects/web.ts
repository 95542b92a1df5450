import type { Project } from './project';

export const nginx: Project = {
  name: 'nginx with a site of its own',
  base: 'debian-nginx',
  packages: ['nginx-light'],
  files: {
    'nginx.conf': `user www-data;
worker_processes 2;
events { worker_connections 64; }
http {
  include /etc/nginx/mime.types;
  access_log /dev/stdout;
  error_log /dev/stderr;
  server {
    listen 80;
    root /srv/www;
    location = /version { default_type text/plain; return 200 "one\\n"; }
  }
}
`,
    'www/index.html': '<h1>served</h1>\n',
    Dockerfile: `FROM debian-nginx
COPY nginx.conf /etc/nginx/nginx.conf
COPY --chown=www-data:www-data www /srv/www
RUN nginx -t
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
`,
  },
  answers: { '/': '<h1>served</h1>\n', '/version': 'one\n' },
};

export const php: Project = {
  name: 'PHP with its own server',
  base: 'debian-php',
  packages: ['php-cli'],
  links: { 'usr/bin/php': 'php8.2' },
  files: {
    'public/index.php': `<?php
header('Content-Type: application/json');
echo json_encode(['path' => $_SERVER['REQUEST_URI'], 'sum' => array_sum([1, 2, 3])]), "\\n";
`,
    Dockerfile: `FROM debian-php
WORKDIR /app
COPY . .
RUN php -l public/index.php
USER www-data
CMD ["php", "-S", "0.0.0.0:80", "-t", "public"]
`,
  },
  answers: { '/x': '{"path":"\\/x","sum":6}\n' },
};

export const ruby: Project = {
  name: 'Ruby with a template',
  base: 'debian-ruby',
  packages: ['ruby'],
  files: {
    'page.erb': '<p><%= name.capitalize %></p>\n',
    'server.rb': `require 'socket'
require 'erb'
page = ERB.new(File.read('page.erb'))
server = TCPServer.new('0.0.0.0', 80)
trap('TERM') { exit }
loop do
  client = server.accept
  name = client.gets.split[1].delete_prefix('/')
  client.write "HTTP/1.0 200 OK\\r\\n\\r\\n" + page.result_with_hash(name: name)
  client.close
end
`,
    Dockerfile: `FROM debian-ruby
WORKDIR /app
COPY server.rb page.erb ./
RUN ruby -c server.rb
CMD ["ruby", "server.rb"]
`,
  },
  answers: { '/matz': '<p>Matz</p>\n' },
};
