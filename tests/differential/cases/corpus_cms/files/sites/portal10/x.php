portal10 x.php
