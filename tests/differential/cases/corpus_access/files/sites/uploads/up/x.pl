uploads up/x.pl
