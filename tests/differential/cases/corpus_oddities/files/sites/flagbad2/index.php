flagbad2 index.php
