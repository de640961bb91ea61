orderword index.php
