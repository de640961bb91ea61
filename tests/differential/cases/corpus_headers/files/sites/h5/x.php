h5 x.php
