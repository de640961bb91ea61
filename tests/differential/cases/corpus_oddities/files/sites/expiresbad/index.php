expiresbad index.php
