phpflag index.php
