# perl sctp.pl serve PORT WORD: answers each connection with the word. perl sctp.pl ask ADDRESS PORT: prints what is answered. perl sctp.pl bind PORT.
use strict; use Socket;
my ($verb, @args) = @ARGV;
socket(my $s, PF_INET, SOCK_STREAM, 132) or die "socket: $!\n";
if ($verb eq 'ask') {
  alarm 20;
  connect($s, sockaddr_in($args[1], inet_aton($args[0]))) or die "connect: $!\n";
  sysread($s, my $word, 100);
  print $word;
  exit;
}
bind($s, sockaddr_in($args[0], INADDR_ANY)) or die "bind: $!\n";
exit if $verb eq 'bind';
listen($s, 8) or die "listen: $!\n";
while (accept(my $c, $s)) { syswrite($c, $args[1]); close($c); }
