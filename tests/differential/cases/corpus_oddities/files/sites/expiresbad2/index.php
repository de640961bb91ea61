expiresbad2 index.php
