handlers legacy/x.php3
