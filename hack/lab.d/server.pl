#!/usr/bin/perl
# The lab's web server: pid 1 of the containers made from evenkeel/web. One process for each connection,
# so that a request that burns CPU or takes its time holds up no other.
#
#   /               one line of JSON: who answers, whom
#   /healthz        ok; 503 while there is a file /tmp/unhealthy
#   /burn?ms=N      uses N ms of CPU (at most 2000)
#   /slow?ms=N      answers after N ms (at most 60000)
#   /bytes?n=N      N bytes (at most 200 MB); with &rate=R only R bytes per second
#
# UDP (port 5353): every packet comes back with the host's name in front.
# Every answer has the host's name in its header X-Hostname.
# SIGTERM: takes no new connection, finishes running requests, closes idle connections, exits 0. An idle connection has a
# second left for one more request, which may be on its way: that is answered, as the connection's last.
use strict;
use warnings;
use Socket;
use POSIX ();

my $http_port = $ENV{PORT} // 8080;
my $udp_port = $ENV{UDP_PORT} // 5353;
my $version = $ENV{VERSION} // '?';
my $hostname = (POSIX::uname())[1];
my ($IDLE_SECONDS, $REQUEST_SECONDS, $LAST_SECONDS) = (300, 10, 1);
my $BLOCK = 'x' x 65536;

# Every process watches $ending. It becomes readable (end of file) when the first process lets go of $running:
# unlike a signal, that cannot get lost between a look and a wait.
pipe my $ending, my $running or die "pipe: $!";
$SIG{TERM} = $SIG{INT} = sub { close $running };
$SIG{CHLD} = sub { };    # so that select() ends early and the child is reaped
$SIG{PIPE} = 'IGNORE';
$| = 1;

sub bound {
    my ($type, $protocol, $port) = @_;
    socket my $socket, PF_INET, $type, $protocol eq 'tcp' ? 6 : 17 or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, 1;
    bind $socket, pack_sockaddr_in($port, INADDR_ANY) or die "port $port/$protocol: $!\n";
    return $socket;
}

# Those of the handles that are readable, by number; waits at most so many seconds.
sub readable {
    my ($seconds, @handles) = @_;
    my $bits = '';
    vec($bits, fileno $_, 1) = 1 for @handles;
    my $count = select $bits, undef, undef, $seconds;
    return {} if $count <= 0;
    return { map { fileno $_ => 1 } grep { vec $bits, fileno $_, 1 } @handles };
}

sub is_ending { return %{ readable(0, $ending) } }

sub write_all {
    my ($client, $data) = @_;
    my $offset = 0;
    while ($offset < length $data) {
        my $written = syswrite $client, $data, length($data) - $offset, $offset;
        exit 0 unless defined $written || $!{EINTR};    # the client has gone
        $offset += $written // 0;
    }
}

sub number {
    my ($text, $most) = @_;
    my $number = ($text // '') =~ /^\d{1,12}$/ ? $text : 0;
    return $number < $most ? $number : $most;
}

sub json {
    my @pairs = @_;
    my @members;
    while (my ($key, $value) = splice @pairs, 0, 2) {
        $value =~ s/(["\\])/\\$1/g;
        $value =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ge;
        push @members, qq("$key":"$value");
    }
    return '{' . join(',', @members) . "}\n";
}

sub burn {
    my ($ms) = @_;
    my $end = POSIX::clock() + $ms * 1000;    # CPU time of this process, microseconds
    1 while POSIX::clock() < $end;
}

sub send_bytes {
    my ($client, $left, $rate) = @_;
    my $step = $rate ? POSIX::ceil($rate / 20) : length $BLOCK;
    $step = length $BLOCK if $step > length $BLOCK;
    while ($left > 0) {
        $step = $left if $step > $left;
        write_all($client, substr $BLOCK, 0, $step);
        $left -= $step;
        select undef, undef, undef, $step / $rate if $rate && $left;
    }
}

sub address { my ($port, $host) = unpack_sockaddr_in(shift); return (inet_ntoa($host), $port) }

# The next request on a connection, or nothing when there will be none.
sub read_request {
    my ($client, $buffer) = @_;
    my $deadline = time + $IDLE_SECONDS;
    until ($$buffer =~ /\r?\n\r?\n/) {
        my $ready = readable($deadline - time, $client, length $$buffer ? () : $ending);
        $ready = readable($LAST_SECONDS, $client) if !$ready->{ fileno $client } && is_ending();
        return unless $ready->{ fileno $client };    # idle for too long, or ending
        $deadline = time + $REQUEST_SECONDS unless length $$buffer;
        return unless sysread $client, $$buffer, 16384, length $$buffer;
        return if length $$buffer > 65536;
    }
    $$buffer =~ s/^(.*?)\r?\n\r?\n//s;
    my ($line, @headers) = split /\r?\n/, $1;
    my ($method, $target, $protocol) = $line =~ m{^([A-Z]+) (\S+) HTTP/(1\.[01])$} or return;
    my %headers = map { /^([^:]+):\s*(.*?)\s*$/ ? (lc $1 => $2) : () } @headers;
    return if $headers{'transfer-encoding'};
    for (my $left = number($headers{'content-length'}, 1e9); $left > 0;) {    # a body is read and forgotten
        $$buffer ne '' or sysread $client, $$buffer, 65536 or return;
        $left -= length substr $$buffer, 0, $left, '';
    }
    my $keep = ($headers{connection} // ($protocol eq '1.1' ? 'keep-alive' : 'close')) !~ /close/i;
    return { method => $method, target => $target, keep => $keep };
}

sub answer {
    my ($client, $request) = @_;
    my ($path, $query) = split /\?/, $request->{target}, 2;
    my %query = map { my ($key, $value) = split /=/, $_, 2; ($key => $value) } grep { length } split /&/, $query // '';
    my ($status, $body, $size, $type) = ('200 OK', '', undef, 'text/plain');

    if ($path eq '/healthz') { ($status, $body) = -e '/tmp/unhealthy' ? ('503 Service Unavailable', "unhealthy\n") : ($status, "ok\n") }
    elsif ($path eq '/burn') { my $ms = number($query{ms}, 2000); burn($ms); $body = "$hostname burned $ms ms\n" }
    elsif ($path eq '/slow') { my $ms = number($query{ms}, 60000); select undef, undef, undef, $ms / 1000; $body = "$hostname\n" }
    elsif ($path eq '/bytes') { $size = number($query{n}, 200e6); $type = 'application/octet-stream' }
    elsif ($path eq '/') {
        my ($from, $from_port) = address(getpeername $client);
        my ($replica) = address(getsockname $client);
        $type = 'application/json';
        $body = json(hostname => $hostname, version => $version, replica => $replica, client => $from,
            clientPort => $from_port, greeting => $ENV{GREETING} // '');
    }
    else { ($status, $body) = ('404 Not Found', "no such page\n") }

    $request->{keep} = 0 if is_ending();
    my $length = $size // length $body;
    my $connection = $request->{keep} ? 'keep-alive' : 'close';
    write_all($client, "HTTP/1.1 $status\r\nContent-Type: $type\r\nContent-Length: $length\r\nX-Hostname: $hostname\r\n"
        . "Connection: $connection\r\n\r\n"
        . ($request->{method} eq 'HEAD' ? '' : $body));
    send_bytes($client, $size, number($query{rate}, 1e9)) if $size && $request->{method} ne 'HEAD';
}

sub serve {
    my ($client) = @_;
    setsockopt $client, 6, 1, 1;    # TCP_NODELAY
    my $buffer = '';
    while (my $request = read_request($client, \$buffer)) {
        answer($client, $request);
        last unless $request->{keep};
    }
    exit 0;
}

my $listener = bound(SOCK_STREAM, 'tcp', $http_port);
my $udp = bound(SOCK_DGRAM, 'udp', $udp_port);
listen $listener, 1024 or die "listen: $!";
fcntl $listener, 4, 2048 or die "fcntl: $!";    # F_SETFL O_NONBLOCK
print "web $version: $http_port/tcp, $udp_port/udp\n";

sub accept_all {
    while (accept my $client, $listener) {
        my $pid = fork;
        next unless defined $pid && $pid == 0;    # no process to be had: the connection is closed
        $SIG{$_} = 'DEFAULT' for qw(TERM INT CHLD);
        close $_ for $listener, $udp, $running;
        serve($client);
    }
}

# As pid 1 it reaps what others have left behind, too. The wait has an end because a signal that comes
# just before it does not cut it short.
sub reap { return waitpid -1, POSIX::WNOHANG() }

while (1) {
    1 while reap() > 0;
    my $ready = readable(1, $ending, $listener, $udp);
    accept_all();
    if ($ready->{ fileno $udp }) {
        my $from = recv $udp, my $packet, 65000, 0;
        send $udp, "$hostname $packet", 0, $from if defined $from;
    }
    last if $ready->{ fileno $ending };
}
close $_ for $listener, $udp;
select undef, undef, undef, 0.02 while reap() >= 0;    # -1: no child is left
print "web $version: ended\n";
