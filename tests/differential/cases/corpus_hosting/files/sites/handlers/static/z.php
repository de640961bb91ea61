handlers static/z.php
