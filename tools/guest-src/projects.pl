# perl projects.pl DIR: the projects of its file system that have a limit or files, lines of "ID LIMIT-IN-KB BYTES". perl projects.pl DIR ID KB: sets a limit.
use strict; use Fcntl;
my ($dir, $id, $limit) = @ARGV;
sysopen(my $d, $dir, O_RDONLY) or die "$dir: $!\n";
sub quotactl { syscall(443, fileno($d), ($_[0] << 8) | 2, $_[1], $_[2]) == 0 } # quotactl_fd, PRJQUOTA: COMMAND PROJECT DATA, which the kernel writes
if (defined $limit) {
  quotactl(0x800008, $id + 0, pack('Q8 L2', $limit, $limit, (0) x 6, 1, 0)) or die "set: $!\n"; # Q_SETQUOTA
  exit;
}
for (my $next = 1; ; $next++) {
  my $data = pack('Q8 L2', (0) x 10);
  quotactl(0x800009, $next, $data) or last; # Q_GETNEXTQUOTA
  my @block = unpack('Q8 L2', $data);
  $next = $block[9];
  print "$next $block[0] $block[2]\n" if $block[0] || $block[2];
}
