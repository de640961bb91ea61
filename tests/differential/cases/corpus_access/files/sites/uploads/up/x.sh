uploads up/x.sh
