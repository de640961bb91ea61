#!/usr/bin/env perl
# Answers the form on the welcome page. GET shows the form, POST reads its fields from standard input.
# Uses nothing but Perl itself: CGI.pm left its standard library long ago.
use strict;
use warnings;

binmode STDIN;
binmode STDOUT;

my $limit = 64 * 1024;
my %escape = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;');

sub escaped {
    my ($text) = @_;
    $text =~ s/([&<>"'])/$escape{$1}/g;
    return $text;
}

sub decoded {
    my ($text) = @_;
    $text =~ tr/+/ /;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $text;
}

# The body as a list of [name, value], in the order in which the browser sent them.
sub fields {
    my ($body) = @_;
    return map { my ($name, $value) = split /=/, $_, 2; [decoded($name), decoded($value // '')] }
        grep { length } split /[&;]/, $body;
}

sub page {
    my ($status, $content) = @_;
    my $body = <<"END";
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A form</title>
<link rel="stylesheet" href="/style.css">
<main>
<p class="back"><a href="/">&larr; It works</a></p>
$content
</main>
</html>
END
    print "Status: $status\r\nContent-Type: text/html; charset=utf-8\r\n";
    print 'Content-Length: ', length($body), "\r\n\r\n", $body;
    exit 0;
}

my $script = escaped($ENV{SCRIPT_NAME} // '');
my $form = <<"END";
<form method="post" action="$script">
<label>Your name <input name="name" autocomplete="name"></label>
<label>A message <textarea name="message" rows="3"></textarea></label>
<button>Send it to Perl</button>
</form>
END

page('200 OK', "<h1>A form</h1>\n$form") if ($ENV{REQUEST_METHOD} // 'GET') ne 'POST';

my $body = '';
while (my $got = read STDIN, $body, 8192, length $body) {
    page('413 Content Too Large', '<h1>That is more than this form takes</h1>') if length($body) > $limit;
}
my @fields = fields($body);
my $rows = join "\n", map { '<tr><th>' . escaped($_->[0]) . '</th><td>' . escaped($_->[1]) . '</td></tr>' } @fields;
page('200 OK', "<h1>Perl received</h1>\n<table>\n$rows\n</table>\n<h2>Once more?</h2>\n$form");
