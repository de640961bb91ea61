cloud 3rdparty/x.php
