multiblog index.php
