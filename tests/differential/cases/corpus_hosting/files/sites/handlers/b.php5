handlers b.php5
