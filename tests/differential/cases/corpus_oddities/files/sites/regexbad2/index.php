regexbad2 index.php
